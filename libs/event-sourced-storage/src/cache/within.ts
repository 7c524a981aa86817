/**
 * The answer of a promise, if it comes in time. `0` waits for ever and costs no timer.
 * @param onLate called when the promise is fulfilled after all, too late
 * @throws Error when it does not come in time, or what the promise rejects with
 */
export function within<T>(timeoutMs: number, answer: Promise<T>, onLate?: () => void): Promise<T> {
  if (timeoutMs === 0) return answer;
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    timer.unref(); // a silent backend must not keep the process alive
    const settle = (): void => {
      clearTimeout(timer);
      if (isLate) onLate?.();
    };
    void Promise.resolve(answer).then(resolve, reject).finally(settle); // not every backend keeps to its types
  });
}
