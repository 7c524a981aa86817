import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import { createMemoryEngine } from '../testing/memory-engine.js';
import { generatedEdit } from '../testing/generated-documents.js';
import { formatReport } from './format-report.js';

describe('checking a history', () => {
  it('finds nothing in what the storage wrote, whatever was edited', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(generatedEdit(), { minLength: 1, maxLength: 5 }), async (edits) => {
        const { engine } = createMemoryEngine();
        const { document } = await engine.upsert({ _id: 'a' }, 'c', {});
        const id = document['_id'] as string;
        for (const { after } of edits) {
          await engine.update(id, () => ({ ...after, _id: id }), 'c', {});
          await engine.createSnapshot(id);
        }
        await engine.delete(id, 'c', {});
        expect((await engine.verify(id)).problems).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('an old state that comes back is equal to what it was, whatever was edited', async () => {
    await fc.assert(
      fc.asyncProperty(generatedEdit(), fc.boolean(), async ({ before, after }, isDeleted) => {
        const { engine } = createMemoryEngine();
        await engine.upsert({ ...before, _id: 'a' }, 'c', {});
        await engine.update('a', () => ({ ...after, _id: 'a' }), 'c', {});
        if (isDeleted) await engine.delete('a', 'c', {});
        const result = await engine.revert('a', { toVersion: 1 }, 'c', {});
        const first = await engine.stateAt('a', { version: 1 });
        expect({ ...('document' in result ? result.document : {}), version: 1 }).toEqual(first);
        expect((await engine.verify('a')).problems).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('a report says where and what, one line each', () => {
    const problems = [{ kind: 'event-missing', serverSeq: 4, message: 'event 4 is missing', repairable: false } as const, { kind: 'document-differs', message: 'the document differs: gold', repairable: true } as const];
    const document = { ok: false, documentId: 'a', head: 9, checkedEvents: 8, problems, notes: ['a note'] };
    expect(formatReport(document)).toBe('a@4: event-missing: event 4 is missing\na: document-differs: the document differs: gold (rebuild() can repair it)\na: a note');
    expect(formatReport({ ok: false, collection: 'games', checkedDocuments: 2, checkedEvents: 1, problems: 3, documents: [document] }).split('\n').slice(3)).toEqual([
      '1 problem more',
      'games: 3 problems in 2 documents with 1 event',
    ]);
    expect(formatReport({ ...document, ok: true, problems: [], notes: [] })).toBe('a@9: no problem in 8 events');
  });
});
