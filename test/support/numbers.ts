/** The numbers from `first` to `last`; none when `last` is below. */
export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** The numbers of events, in the order in which they stand. */
export function numbers(events: readonly { readonly serverSeq: number }[]): number[] {
  return events.map(({ serverSeq }) => serverSeq);
}

/** Each number where it came first: what is told at least once may be told again, and still has an order. */
export function firsts(told: readonly number[]): number[] {
  return [...new Set(told)];
}
