import { createReplica, indexedDbStorage, type Replica } from 'nestjs-event-sourced-storage-client';
import type { Game } from './game.js';
import { clientId } from './me.js';

/** What the page shows of the line to the server. */
export type LineState = 'live' | 'catching-up' | 'offline' | 'refused';

/** The replica of one raid, and the switch that cuts it off. */
export class Connection {
  readonly replica: Replica<Game>;
  private isCut = false;
  private tell: () => void = () => undefined;

  constructor(id: string, onChange: () => void) {
    const activity = {
      isActive: () => !this.isCut && navigator.onLine && document.visibilityState !== 'hidden',
      watch: (changed: () => void) => this.watch(changed),
    };
    this.replica = createReplica<Game>({ url: '/sync', ref: `games/${id}`, clientId, activity, storage: indexedDbStorage('boss-raid') });
    this.replica.subscribe(onChange);
  }

  get cut(): boolean {
    return this.isCut;
  }

  /** Ends the stream, or opens it again from where it was. */
  set cut(isCut: boolean) {
    this.isCut = isCut;
    this.tell();
  }

  get state(): LineState {
    const { status } = this.replica;
    if (status === 'live') return 'live';
    if (status === 'error' || status === 'closed') return 'refused';
    return status === 'paused' || this.isCut ? 'offline' : 'catching-up';
  }

  async close(): Promise<void> {
    await this.replica.close();
  }

  private watch(changed: () => void): () => void {
    this.tell = changed;
    const targets = [
      [window, 'online'],
      [window, 'offline'],
      [document, 'visibilitychange'],
    ] as const;
    for (const [target, name] of targets) target.addEventListener(name, changed);
    return () => {
      for (const [target, name] of targets) target.removeEventListener(name, changed);
    };
  }
}
