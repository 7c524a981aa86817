import { byteSize } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { frameBody } from './sync-message.js';
import { formKey, wireEvent, type WireFacts, type WireForm } from './wire-event.js';

/** One event and the frames made of it: made once, however many get it. */
export class FrameEntry {
  private readonly bodies = new Map<string, string>();
  /** Estimated memory, in bytes. */
  bytes: number;

  constructor(
    readonly event: DocumentEvent<Image>,
    private readonly facts: WireFacts,
    /** When the commit was heard of, on the monotonic clock; `undefined` when it was read from the past. */
    readonly heardAt: number | undefined,
    private readonly onGrowth: (bytes: number) => void = () => undefined,
  ) {
    this.bytes = 256 + eventBytes(event);
  }

  /** The number of the event. */
  get serverSeq(): number {
    return this.event.serverSeq;
  }

  /** The frame without its `id` line. */
  body(form: WireForm): string {
    const key = formKey(form);
    let body = this.bodies.get(key);
    if (body === undefined) {
      body = frameBody('ev', wireEvent(this.event, form, this.facts));
      this.bodies.set(key, body);
      this.bytes += body.length;
      this.onGrowth(body.length);
    }
    return body;
  }

  /** The event in its JSON form. */
  json(form: WireForm): Record<string, unknown> {
    return wireEvent(this.event, form, this.facts);
  }
}

/** The size of what an event carries: the deleted document is in memory too. */
function eventBytes(event: DocumentEvent<Image>): number {
  switch (event.operation) {
    case 'create':
      return byteSize(event.createdDoc);
    case 'update':
      return byteSize(event.diff.set) + byteSize(event.diff.unset);
    case 'delete':
      return byteSize(event.deletedDoc);
  }
}

/** The newest events of one document without a hole. Whoever is not too far behind is served from here. */
export class FrameRing {
  private entries: FrameEntry[] = [];
  private used = 0;

  constructor(
    private readonly facts: WireFacts,
    private readonly budget: RingBudget,
    private readonly length: number,
  ) {}

  get bytes(): number {
    return this.used;
  }

  /** The oldest number in it; `undefined` when it is empty. */
  get first(): number | undefined {
    return this.entries[0]?.serverSeq;
  }

  get oldest(): FrameEntry | undefined {
    return this.entries[0];
  }

  /** Everything after `after`, or `undefined` when some of that is not here. */
  after(after: number, head: number): readonly FrameEntry[] | undefined {
    if (after >= head) return [];
    const first = this.first;
    if (first === undefined || after + 1 < first) return undefined;
    return this.entries.slice(after + 1 - first);
  }

  /** `events` go on from what is here. */
  append(events: readonly DocumentEvent<Image>[], heardAt: number | undefined): void {
    this.change(() => {
      for (const event of events) this.entries.push(this.entry(event, heardAt));
      if (this.entries.length > this.length) this.entries = this.entries.slice(-this.length);
    });
  }

  /** `events` lead up to what is here. */
  prepend(events: readonly DocumentEvent<Image>[]): void {
    this.change(() => {
      const room = Math.max(0, this.length - this.entries.length);
      const taken = room === 0 ? [] : events.slice(-room);
      this.entries = [...taken.map((event) => this.entry(event, undefined)), ...this.entries];
    });
  }

  clear(): void {
    this.change(() => (this.entries = []));
  }

  /** An entry that is not kept. */
  loose(event: DocumentEvent<Image>): FrameEntry {
    return new FrameEntry(event, this.facts, undefined);
  }

  /** Gives up the older half. Frames of what was given up before count no more. */
  shrink(): void {
    const kept = Math.floor(this.entries.length / 2);
    this.entries = kept === 0 ? [] : this.entries.slice(-kept);
    this.recount();
  }

  private change(run: () => void): void {
    run();
    this.recount();
    this.budget.used(this);
  }

  private recount(): void {
    this.used = this.entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  private entry(event: DocumentEvent<Image>, heardAt: number | undefined): FrameEntry {
    return new FrameEntry(event, this.facts, heardAt, (bytes) => {
      this.used += bytes;
      this.budget.used(this);
    });
  }
}

/** Bounds all rings together: those that were not used for longest give up their older half first. */
export class RingBudget {
  private readonly sizes = new Map<FrameRing, number>();
  private sum = 0;

  constructor(private readonly maxBytes: number) {}

  get bytes(): number {
    return this.sum;
  }

  used(ring: FrameRing): void {
    this.note(ring);
    while (this.sum > this.maxBytes) {
      const oldest = this.sizes.keys().next().value;
      if (oldest === undefined) return;
      oldest.shrink();
      this.set(oldest, oldest.bytes); // keeps its place: it is still the one that waits longest
    }
  }

  forget(ring: FrameRing): void {
    this.sum -= this.sizes.get(ring) ?? 0;
    this.sizes.delete(ring);
  }

  private note(ring: FrameRing): void {
    this.forget(ring);
    this.set(ring, ring.bytes);
  }

  private set(ring: FrameRing, bytes: number): void {
    this.sum += bytes - (this.sizes.get(ring) ?? 0);
    if (bytes === 0) this.sizes.delete(ring);
    else this.sizes.set(ring, bytes);
  }
}
