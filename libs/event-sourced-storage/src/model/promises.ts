/** A value, or the promise of one: a promise costs a turn of the event loop, which a cached document or a plain edit need not pay. */
export type MaybePromise<T> = T | Promise<T>;

/** Whether a value has to be waited for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
