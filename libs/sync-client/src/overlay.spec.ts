import { describe, expect, it, jest } from '@jest/globals';
import fc from './testing/examples.js';
import { DocumentReplica } from './document-replica.js';
import { settle } from './options.js';
import { type Message, protocolRules } from './replica-state.js';
import type { Status } from './states.js';

interface Game {
  hits: number;
  log: string[];
}

const ref = 'games/1';
const line = { status: 'live' as Status, error: undefined };

function replicaOf(options: { clientId?: string } = {}): DocumentReplica<Game> {
  const settings = settle({ url: '/sync', fetch: () => Promise.reject(new Error('not used')), onError: () => undefined, ...options });
  const replica = new DocumentReplica<Game>(ref, line, settings, protocolRules);
  take(replica, 'snapshot', { v: 1, epoch: 'e', doc: { hits: 0, log: [] } });
  return replica;
}

function take(replica: DocumentReplica<Game>, event: string, message: Message): void {
  expect(replica.take(event, message)).toBeUndefined();
  replica.notify();
}

const hit = (who: string) => (game: Game): void => {
  game.hits++;
  game.log.push(who);
};

/** The server's side of a hit. */
function hitEvent(v: number, hits: number, log: string[], cmd: string, c = 'me'): Message {
  return { v, op: 'update', set: { hits, log }, cmd, c };
}

describe('Optimistic changes', () => {
  it('are shown at once, and dropped in the notification that shows their event', () => {
    const replica = replicaOf();
    const shown: unknown[] = [];
    replica.subscribe(() => shown.push([replica.value?.hits, replica.confirmed?.hits]));
    replica.optimistic('op', hit('me'));
    take(replica, 'ev', hitEvent(2, 1, ['me'], 'op'));
    expect(shown).toEqual([[1, 0], [1, 1]]);
  });

  it('are made again on top of what others did meanwhile', () => {
    const replica = replicaOf();
    replica.optimistic('op', hit('me'));
    take(replica, 'ev', hitEvent(2, 1, ['you'], 'other', 'you'));
    expect(replica.value).toEqual({ hits: 2, log: ['you', 'me'] });
    expect(replica.confirmed).toEqual({ hits: 1, log: ['you'] });
  });

  it('are taken back when the write failed', () => {
    const replica = replicaOf();
    replica.optimistic('op', hit('me'));
    replica.fail('op');
    expect(replica.value).toBe(replica.confirmed);
  });

  it('end with a snapshot that contains them, when the answer of the write is known', () => {
    const replica = replicaOf();
    replica.optimistic('op', hit('me'));
    take(replica, 'reset', { reason: 'compacted' });
    take(replica, 'snapshot', { v: 9, epoch: 'e', doc: { hits: 5, log: [] } });
    expect(replica.value?.hits).toBe(6); // whether the write is among the nine is not known yet
    replica.confirm('op', 7);
    expect(replica.value?.hits).toBe(5);
  });

  it('stay until the confirmed version is there', () => {
    const replica = replicaOf();
    replica.optimistic('op', hit('me'));
    replica.confirm('op', 3);
    take(replica, 'ev', hitEvent(2, 1, ['you'], 'other', 'you'));
    expect(replica.value?.hits).toBe(2);
    take(replica, 'snapshot', { v: 3, epoch: 'e', doc: { hits: 2, log: ['you', 'me'] } });
    expect(replica.value?.hits).toBe(2);
    expect(replica.value).toBe(replica.confirmed);
  });

  it('are not dropped by an equal operation of somebody else', () => {
    const replica = replicaOf({ clientId: 'me' });
    replica.optimistic('op', hit('me'));
    take(replica, 'ev', hitEvent(2, 1, ['you'], 'op', 'you'));
    expect(replica.value?.hits).toBe(2);
  });

  it('that throw are not shown, and harm nobody', () => {
    const replica = replicaOf();
    replica.optimistic('bad', () => {
      throw new Error('no such boss');
    });
    replica.optimistic('op', hit('me'));
    expect(replica.value?.hits).toBe(1);
  });

  it('never touch the confirmed document', () => {
    const replica = replicaOf();
    const before = replica.confirmed;
    replica.optimistic('op', hit('me'));
    expect(replica.confirmed).toBe(before);
    expect(before).toEqual({ hits: 0, log: [] });
  });

  it('give the same value as long as nothing changed', () => {
    const replica = replicaOf();
    replica.optimistic('op', hit('me'));
    expect(replica.value).toBe(replica.value);
  });

  it('whatever order things come in: shown is confirmed plus what is neither confirmed nor failed', () => {
    const action = fc.oneof(fc.constantFrom('mine', 'other', 'apply', 'fail', 'repeat'));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const replica = replicaOf({ clientId: 'me' });
        const pending: string[] = [];
        let [v, hits, count] = [1, 0, 0];
        let log: string[] = [];
        let last: Message | undefined;
        for (const name of actions) {
          if (name === 'mine') {
            const id = `op${count++}`;
            pending.push(id);
            replica.optimistic(id, hit(id));
          } else if (name === 'fail') {
            const id = pending.pop();
            if (id !== undefined) replica.fail(id);
          } else if (name === 'repeat') {
            if (last) take(replica, 'ev', last);
          } else {
            const id = name === 'apply' ? pending.shift() : `other${v}`;
            if (id === undefined) continue;
            log = log.concat(id);
            last = hitEvent(++v, ++hits, log, id, name === 'apply' ? 'me' : 'you');
            take(replica, 'ev', last);
          }
          expect(replica.confirmed).toEqual({ hits, log });
          expect(replica.value).toEqual({ hits: hits + pending.length, log: [...log, ...pending] });
        }
      }),
    );
  });
});

describe('A replica', () => {
  it('discards its position when a diff does not fit, and goes on showing what it had', () => {
    const onError = jest.fn();
    const settings = settle({ url: '/sync', fetch: () => Promise.reject(new Error('not used')), onError });
    const replica = new DocumentReplica<Game>(ref, line, settings, protocolRules);
    take(replica, 'snapshot', { v: 1, epoch: 'e', doc: { hits: 0, log: [] } });
    const set = JSON.parse('{"__proto__.hits":1}') as Record<string, unknown>;
    expect(replica.take('ev', { v: 2, op: 'update', set })).toBe('gap');
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ name: 'TypeError' }));
    expect([replica.cursor, replica.stale, replica.value, replica.version]).toEqual([undefined, true, { hits: 0, log: [] }, 1]);
  });

  it('takes a later event, an unknown operation and an update of nothing for what they are', () => {
    const replica = replicaOf();
    expect(replica.take('ev', hitEvent(3, 1, [], 'x'))).toBe('gap');
    expect(replica.take('ev', hitEvent(1, 1, [], 'x'))).toBeUndefined();
    expect(replica.confirmed?.hits).toBe(0);
    take(replica, 'ev', { v: 2, op: 'delete' });
    expect([replica.deleted, replica.value]).toEqual([true, undefined]);
    expect(replica.take('ev', { v: 3, op: 'update', set: { hits: 1 } })).toBe('gap');
    expect(replica.take('ev', { v: 3, op: 'rename' })).toBe('gap');
  });

  it('tells of a listener that throws, and still calls the others', () => {
    const onError = jest.fn();
    const replica = new DocumentReplica<Game>(ref, line, settle({ url: '/', fetch: () => Promise.reject(new Error()), onError }), protocolRules);
    const second = jest.fn();
    replica.subscribe(() => {
      throw new Error('mine');
    });
    const stop = replica.subscribe(second);
    take(replica, 'snapshot', { v: 1, epoch: 'e', doc: {} });
    stop();
    take(replica, 'ev', { v: 2, op: 'delete' });
    expect(second).toHaveBeenCalledTimes(1);
    expect(onError).toHaveBeenCalledTimes(2);
  });
});
