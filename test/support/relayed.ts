import type { CloudEvent } from 'nestjs-event-sourced-storage';
import { firsts } from './numbers.js';

/** What somebody who knows nothing of the storage got from a broker. */
export class Relayed {
  readonly events: CloudEvent[] = [];

  /** Takes a message in the envelope of Nest. */
  take(payload: Uint8Array | string): void {
    const { data } = JSON.parse(typeof payload === 'string' ? payload : new TextDecoder().decode(payload)) as { data: CloudEvent };
    this.events.push(data);
  }

  /** The numbers of one document, in the order in which they came. */
  numbers(id: unknown): number[] {
    return this.events.filter(({ subject }) => subject === String(id)).map(({ sequence }) => Number(sequence));
  }

  /** The numbers of one document, each where it came first. */
  firsts(id: unknown): number[] {
    return firsts(this.numbers(id));
  }
}
