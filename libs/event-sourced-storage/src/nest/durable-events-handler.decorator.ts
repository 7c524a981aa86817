import { SetMetadata } from '@nestjs/common';
import type { DurableHandler, DurableHandlerOptions } from '../delivery/durable-handler.js';

/** Where the options of a durable handler are kept on its class. */
export const durableHandlerKey = 'EventSourcedStorage durable handler';

/**
 * Makes a provider a durable handler: its `handle()` is called with every event of every document of a model, per document in order, at
 * least once, across processes, crashes and deploys. List the class in the `providers` of a module; it must not be request-scoped.
 * The application does not start on wrong options, a name that is used twice or an unknown model (`InvalidOptionsError`).
 */
export function DurableEventsHandler(options: DurableHandlerOptions): (target: new (...args: never[]) => DurableHandler<never>) => void {
  return (target) => void SetMetadata(durableHandlerKey, options)(target);
}
