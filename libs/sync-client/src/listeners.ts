/** Callbacks of which none can stop another, or who calls them. */
export interface Listeners {
  readonly subscribe: (listener: () => void) => () => void;
  readonly tell: () => void;
}

export function listenersOf(onError: (error: unknown) => void): Listeners {
  const all = new Set<() => void>();
  return {
    subscribe: (listener) => {
      const own = (): void => listener(); // the same function may be subscribed twice
      all.add(own);
      return () => all.delete(own);
    },
    tell: () => {
      for (const listener of all) {
        try {
          listener();
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
