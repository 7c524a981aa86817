/** The number that plain decimal digits write, up to 2^53 - 1; `undefined` for everything else, also `+1`, `1e3`, `0x10` and ` 1`. */
export function parseWholeNumber(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
