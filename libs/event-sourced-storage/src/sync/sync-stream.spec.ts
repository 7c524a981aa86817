import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { CatchUpSnapshot } from '../history/cursor.js';
import type { StreamFacts } from '../history/stream-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { Position } from './catch-up.js';
import { RingBudget } from './frame-ring.js';
import { HotDocument } from './hot-document.js';
import { noRedaction } from './redaction.js';
import { SyncLimits } from './sync-limits.js';
import { SyncMetrics } from './sync-metrics.js';
import { resolveSyncOptions } from './sync-options.js';
import { type SyncListening, SyncSource } from './sync-source.js';
import { SyncStream } from './sync-stream.js';

/** One history in memory. */
class OneHistory extends SyncSource {
  override readonly collection = 'games';
  override readonly model = 'Game';
  override readonly versionField = 'version';
  override readonly hearsOthers = true;
  private readonly all: DocumentEvent<Image>[] = [];

  grow(): void {
    const serverSeq = this.all.length + 1;
    this.all.push({
      documentId: '1', serverSeq, operation: 'update', clientId: 'c', operationId: `o${serverSeq}`, timestamp: new Date(0),
      diff: { hasChanges: true, version: serverSeq, set: { gold: serverSeq }, unset: [] },
    });
  }

  override castId(text: string): string {
    return text;
  }

  override events(_id: unknown, from: number, { limit }: { readonly limit: number }): Promise<DocumentEvent<Image>[]> {
    return Promise.resolve(this.all.slice(from - 1, from - 1 + limit));
  }

  override head(): Promise<DocumentEvent<Image> | null> {
    return Promise.resolve(this.all.at(-1) ?? null);
  }

  override facts(): Promise<StreamFacts> {
    return Promise.resolve({ epoch: 'e', floor: 0, purged: false });
  }

  override state(): Promise<CatchUpSnapshot<Image> | null> {
    return Promise.resolve({ serverSeq: this.all.length, state: { _id: '1' } });
  }

  override stateAt(): Promise<CatchUpSnapshot<Image> | null> {
    return this.state();
  }

  override versions(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map());
  }

  override listen(): SyncListening {
    return { ready: Promise.resolve(), close: () => Promise.resolve() };
  }
}

describe('SyncStream', () => {
  it.each<[string, Position]>([
    ['after=now begins at the head that hello names', { kind: 'now' }],
    ['a client at the head', { kind: 'after', after: 42, epoch: 'e' }],
  ])('%s: what was heard of before the stream watched is sent', async (_what, position) => {
    const options = resolveSyncOptions({ authorizeStream: () => ({ allow: true }) });
    const source = new OneHistory();
    const metrics = new SyncMetrics();
    const hot = new HotDocument(source, '1', { collection: 'games', id: '1', model: 'Game' }, { ref: 'games/1', versionField: 'version', authorKey: 'by' }, { ...options, metrics, budget: new RingBudget(1e6) });
    for (let version = 1; version <= 42; version++) source.grow();
    await hot.standing();
    source.grow();
    hot.hear(43);
    const out = new PassThrough();
    let sent = '';
    out.on('data', (chunk) => (sent += String(chunk)));
    const form = { redaction: noRedaction, types: 'extended', format: 'diff' } as const;
    const document = { hot, form, position, isLive: false, isOver: false, surprises: 0 };
    const tools = { options, limits: new SyncLimits(options), metrics, base: '/sync' };
    const stream = new SyncStream(out, [document], { isMulti: false, mode: 'events', snapshot: 'auto' }, { user: undefined, address: '' }, undefined, tools);
    stream.start();
    for (let turns = 0; turns < 1_000 && !sent.includes('event: ev'); turns++) await turn();
    stream.bye('rotate');
    await stream.closed;
    expect(sent).toContain('"head":42');
    expect(sent).toContain('id: e.43\nevent: ev');
    expect(sent.match(/event: live/g)).toHaveLength(1);
  });
});
