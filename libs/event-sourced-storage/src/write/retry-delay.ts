/**
 * How long to wait before attempt number `attempt` (the first retry is 2), in milliseconds: a random part of a bound that doubles
 * from `retryDelayMs` up to `maxRetryDelayMs` (full jitter: writers that collided once should not meet again).
 */
export function retryDelay(attempt: number, options: { readonly retryDelayMs: number; readonly maxRetryDelayMs: number }, random: () => number): number {
  const doubled = options.retryDelayMs * 2 ** Math.min(Math.max(attempt - 2, 0), 30);
  return random() * Math.min(doubled, options.maxRetryDelayMs);
}

/** How often a database that cannot be reached is asked again, in milliseconds: soon at first, then about twice a second. */
export function outageDelay(failures: number, random: () => number): number {
  const bound = Math.min(20 * 2 ** Math.min(failures, 10), 500);
  return bound / 2 + (random() * bound) / 2;
}
