/** Nothing that the event is to blame for: what the handler needs is away. Tried again without end, and not counted. */
export class TryLater extends Error {
  override readonly name = 'TryLater';
}
