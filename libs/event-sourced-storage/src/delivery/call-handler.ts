import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { cloneValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { DeliveryContext, DurableHandler } from './durable-handler.js';

/** The handler did not answer in time, or the application shuts down and would not wait any longer. What it began may still go on. */
export class HandlerAbandoned extends Error {
  override readonly name = 'HandlerAbandoned';
}

/** What one call is made with. */
export interface HandlerCall extends Pick<DeliveryContext, 'deliveryId' | 'attempt' | 'compacted'> {
  /** Asked when the handler asks for it. */
  readonly session: () => TransactionSession;
  readonly timeoutMs: number;
  readonly ending: AbortSignal;
}

/**
 * Calls the handler once, with its own copy of the event, and waits no longer than it may take.
 * @throws HandlerAbandoned, whatever the handler throws
 */
export async function callHandler(handler: DurableHandler<Image>, event: DocumentEvent<Image>, call: HandlerCall): Promise<void> {
  const { deliveryId, attempt, compacted, session, timeoutMs, ending } = call;
  const abort = new AbortController();
  let isOver = false;
  const context: DeliveryContext = {
    deliveryId,
    attempt,
    compacted,
    signal: abort.signal,
    get session() {
      // by now it may be somebody else's
      if (isOver) throw new InvalidArgumentError('context.session', 'the call is over; await everything before handle() resolves');
      return session();
    },
  };
  const given = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error), { once: true });
  });
  const giveUp = (reason: Error): void => abort.abort(reason);
  const timer = setTimeout(() => giveUp(new HandlerAbandoned(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const onEnding = (): void => giveUp(new HandlerAbandoned('the application shuts down'));
  ending.addEventListener('abort', onEnding, { once: true });
  if (ending.aborted) onEnding();
  try {
    await Promise.race([given, (async () => handler.handle(cloneValue(event), context))()]);
  } finally {
    isOver = true;
    clearTimeout(timer);
    ending.removeEventListener('abort', onEnding);
    given.catch(() => undefined);
  }
}
