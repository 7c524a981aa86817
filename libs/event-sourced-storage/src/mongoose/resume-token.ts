/** What a position of a change stream says; `undefined` for one that is none, or a time. */
export function dataOf(token: unknown): string | undefined {
  const data = typeof token === 'object' && token !== null ? (token as { readonly _data?: unknown })._data : undefined;
  return typeof data === 'string' ? data : undefined;
}

/** Whether a position is as late as another, or later: the server makes its tokens so that their texts sort (SERVER-29716). */
export function isAtOrAfter(a: unknown, b: unknown): boolean {
  const [one, other] = [dataOf(a), dataOf(b)];
  return one !== undefined && other !== undefined && one >= other;
}
