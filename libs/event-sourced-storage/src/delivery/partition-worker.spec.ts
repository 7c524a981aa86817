import { afterEach, describe, expect, it } from '@jest/globals';
import { gate, until } from '../../../../test/support/until.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { Image } from '../model/diff.js';
import type { Checkpoint, ProgressUpdate } from './delivery-store.js';
import { resolveHandlerOptions } from './durable-handler.js';
import { type DeliveryParts, PartitionWorker } from './partition-worker.js';

const id = 'one';
const eventOf = (serverSeq: number, text = ''): DocumentEvent<Image> => ({
  documentId: id,
  serverSeq,
  clientId: 'test',
  timestamp: new Date(serverSeq),
  operationId: `op-${serverSeq}`,
  operation: 'update',
  diff: { hasChanges: true, version: serverSeq, set: { text }, unset: [] },
});

describe('the worker of a part', () => {
  const workers: PartitionWorker[] = [];
  afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.stop(100))));

  /** One whose document has these events; the first `lag` reads of them answer as if they were not there yet. */
  function workerOf(events: readonly DocumentEvent<Image>[], { lag = 0, handle = (): unknown => undefined } = {}) {
    const handled: number[] = [];
    const saved: ProgressUpdate[] = [];
    const counts = { streamed: 0, reads: 0 };
    const options = resolveHandlerOptions({ name: 'board', model: 'Game', from: 'beginning', partitions: 1, maxAttempts: 1 }, []);
    const parts = {
      options,
      handler: {
        handle: async (event: DocumentEvent) => {
          handled.push(event.serverSeq);
          await handle();
        },
      },
      collection: 'games',
      store: {
        checkpoints: () => Promise.resolve(new Map<string, Checkpoint>()),
        save: (_: unknown, update: ProgressUpdate) => Promise.resolve(void saved.push(update)),
        deliver: async (_: unknown, __: unknown, deliver: (session: () => never) => Promise<void>) => {
          await deliver(() => undefined as never);
          return false;
        },
      },
      source: { head: () => Promise.resolve(events.length) },
      events: {
        async *stream(_: unknown, { from, to }: { readonly from: number; readonly to: number }) {
          if (counts.reads++ < lag) return;
          for (const event of events.slice(from - 1, to)) {
            counts.streamed++;
            yield await Promise.resolve(event);
          }
        },
      },
      streams: { read: () => Promise.resolve({ floor: 0, purgedAt: undefined }) },
      isUnavailable: () => false,
      now: () => 0,
      random: () => 0,
      warn: () => undefined,
    };
    const state = { name: 'board', model: 'Game', generation: 1, partitions: 1, from: 'beginning', begunAt: new Date(0), startToken: undefined, paused: false, pausedBecause: undefined, members: 1 } as const;
    const around = { position: () => 'now', rejoin: () => undefined, lost: () => undefined, stop: () => Promise.resolve() };
    const worker = new PartitionWorker(parts as unknown as DeliveryParts, state, { handler: 'board', generation: 1, partition: 0, fence: 1 }, { position: 'start', scan: undefined }, around);
    workers.push(worker);
    return { worker, handled, saved, counts };
  }

  it('does not pass over an event that a read does not show yet, as after a fail-over', async () => {
    const { worker, handled, saved } = workerOf([eventOf(1)], { lag: 1 });
    worker.told(idKey(id), id, 1);
    worker.joined();
    worker.start();
    await until(() => saved.length > 0, 'the progress');
    expect(handled).toEqual([1]);
    expect(saved.flatMap(({ parked }) => parked)).toEqual([]);
  });

  it('passes over a number that a majority confirms to be gone', async () => {
    const { worker, handled, saved } = workerOf([]);
    worker.told(idKey(id), id, 1);
    worker.joined();
    worker.start();
    await until(() => worker.lanes.size === 0, 'the end of the document');
    await worker.stop(100);
    expect(handled).toEqual([]);
    expect(saved.at(-1)?.progress?.position).toBe('now');
  });

  it('reads no more of a large history at a time than it may hold', async () => {
    const held = gate();
    const { worker, handled, counts } = workerOf(Array.from({ length: 20 }, (_, index) => eventOf(index + 1, 'x'.repeat(400_000))), { handle: () => held.passed });
    worker.told(idKey(id), id, 20);
    worker.joined();
    worker.start();
    await until(() => handled.length === 1, 'the first event');
    expect(counts.streamed).toBe(3);
    held.open();
    await until(() => handled.length === 20, 'all events');
    expect(handled).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });
});
