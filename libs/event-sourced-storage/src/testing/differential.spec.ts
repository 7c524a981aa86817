import { describe, expect, it } from '@jest/globals';
import type { DocumentId } from '../model/document-id.js';
import type { CommitOutcome, DocumentChange } from '../write/document-change.js';
import { DocumentCommitter } from '../write/document-committer.js';
import { compareStores } from './differential.contract.js';
import { createMemoryFixture } from './memory-fixture.js';
import type { StorageFixture } from './storage-fixture.js';

let ids = 0;
const newId = (): DocumentId => `document-${++ids}`;

type Commit = (flight: readonly DocumentChange[]) => Promise<readonly CommitOutcome[]>;

/** A memory store whose commits are bent. */
async function faulty(bend: (flight: readonly DocumentChange[], commit: Commit) => Promise<readonly CommitOutcome[]>): Promise<StorageFixture> {
  const fixture = await createMemoryFixture(newId);
  class FaultyCommitter extends DocumentCommitter {
    override commit = (flight: readonly DocumentChange[]): Promise<readonly CommitOutcome[]> => bend(flight, (bent) => fixture.committer.commit(bent, { deadline: Infinity }));
    override writeInTransaction = fixture.committer.writeInTransaction.bind(fixture.committer);
  }
  return { ...fixture, committer: new FaultyCommitter() };
}

describe('the comparison of two stores finds', () => {
  it('nothing between two of a kind', async () => {
    await expect(compareStores(await createMemoryFixture(newId), await createMemoryFixture(newId), { runs: 100 })).resolves.toBeUndefined();
  });

  it.each<readonly [string, Parameters<typeof faulty>[0]]>([
    ['one that loses the first event of several', (flight, commit) => commit(flight.length > 1 ? flight.slice(1) : flight).then((outcomes) => flight.map((_, index) => outcomes[index] ?? { kind: 'committed' }))],
    ['one that reports conflicts as committed', (flight, commit) => commit(flight).then((outcomes) => outcomes.map(() => ({ kind: 'committed' })))],
    ['one that reports a pending conflict for a plain one', (flight, commit) => commit(flight).then((outcomes) => outcomes.map((outcome) => (outcome.kind === 'conflict' ? { kind: 'conflict', pending: true } : outcome)))],
    ['one that answers in another order', (flight, commit) => commit(flight).then((outcomes) => outcomes.toReversed())],
    ['one that forgets who asked', (flight, commit) => commit(flight.map((change) => ({ ...change, event: { ...change.event, clientId: '' } })))],
    ['one that stores a field less', (flight, commit) => commit(flight.map((change) => ({ ...change, after: change.after && Object.fromEntries(Object.entries(change.after).filter(([key]) => key !== 'b')) })))],
    ['one that stores the date as text', (flight, commit) => commit(flight.map((change) => ({ ...change, event: { ...change.event, timestamp: change.event.timestamp.toISOString() as unknown as Date } })))],
  ])('%s', async (_, bend) => {
    await expect(compareStores(await createMemoryFixture(newId), await faulty(bend), { runs: 200, seed: 1 })).rejects.toThrow('Property failed');
  });
});
