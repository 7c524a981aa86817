/** Every error this library raises on purpose. Recognise one by its class or by `code`, never by its text. */
export abstract class EventSourcedStorageError extends Error {
  /** Constant per class; safe to send to clients. */
  abstract readonly code: string;

  /** @param options carries the `cause`, which is always passed on */
  protected constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
