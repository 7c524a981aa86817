/** Whether a history has grown by more than `every` events since its newest snapshot. */
export function needsSnapshot(history: { readonly head: number; readonly newestSnapshot: number }, every: number): boolean {
  return history.head - history.newestSnapshot > every;
}
