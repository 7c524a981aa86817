/** Says that a step was not over in time; what it waited for may still happen. */
export class StepTimeoutError extends Error {
  constructor(step: string, ms: number) {
    super(`${step} did not answer within ${Math.round(ms)} ms`);
    this.name = 'StepTimeoutError';
  }
}

/**
 * Our own clock around a step: the driver's `timeoutMS` has no effect in the version in use, and a silent server answers nobody.
 * @throws StepTimeoutError
 */
export async function within<R>(step: string, ms: number, work: Promise<R>): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StepTimeoutError(step, ms)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined); // nobody listens to it any more after a time-out
  }
}
