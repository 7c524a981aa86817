import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { InvalidValueError } from './bson-values.js';
import type { DiffPaths, Image } from './diff.js';
import { bsonText, generatedEdit, generatedImage, generatedPaths } from '../testing/generated-documents.js';
import { computeDiff } from '../write/compute-diff.js';
import { applyDiff } from './apply-diff.js';

const { MongoBulkWriteError, MongoClient } = mongoose.mongo;

/** A document and what is to be applied to it. */
interface Case {
  readonly before: Image;
  readonly diff: DiffPaths;
}

function withField(image: Image | undefined, key: string, value: unknown): Image {
  return { ...image, [key]: value };
}

interface Row extends mongoose.mongo.BSON.Document {
  _id: number;
}

function updateOf({ set, unset }: DiffPaths): mongoose.mongo.BSON.Document {
  return { $set: set, $unset: Object.fromEntries(unset.map((path) => [path, ''])) };
}

describe('a server that applies the same $set and $unset', () => {
  const client = new MongoClient(process.env['TEST_MONGODB_URI'] ?? '');
  const collection = client.db(`test_${process.env['JEST_WORKER_ID']}`).collection<Row>('apply_diff');

  beforeAll(() => client.connect());
  afterAll(async () => {
    await collection.drop();
    await client.close();
  });

  /** What the server makes of each document, as it reads it back; `undefined` where it refuses. */
  async function onServer(cases: readonly Case[]): Promise<(Image | undefined)[]> {
    await collection.deleteMany({});
    await collection.insertMany(cases.map(({ before }, _id) => ({ ...before, _id })));
    const updates = cases.map(({ diff }, _id) => ({ updateOne: { filter: { _id }, update: updateOf(diff) } }));
    const refused = await refusalsOf(collection.bulkWrite(updates, { ordered: false }));
    const documents = await collection.find().sort({ _id: 1 }).toArray();
    return documents.map((document, index) => (refused.includes(index) ? undefined : withField(document, '_id', cases[index]?.before['_id'])));
  }

  async function refusalsOf(writing: Promise<unknown>): Promise<number[]> {
    try {
      await writing;
      return [];
    } catch (error) {
      if (!(error instanceof MongoBulkWriteError)) throw error;
      return [error.writeErrors].flat().map(({ index }) => index);
    }
  }

  function inMemory({ before, diff }: Case): Image | undefined {
    try {
      return applyDiff(before, diff);
    } catch (error) {
      if (error instanceof InvalidValueError) return undefined;
      throw error;
    }
  }

  const texts = (images: readonly (Image | undefined)[], keys: 'sorted' | 'as they are'): (string | undefined)[] =>
    images.map((image) => image && bsonText(image, keys));

  it('makes the same documents of computed diffs, with their fields in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(generatedEdit(), { minLength: 1, maxLength: 20 }), async (edits) => {
        const cases = edits.map(({ before, after }) => ({ before, diff: computeDiff(before, after, { versionField: 'version' }) }));
        const stored = await onServer(cases);
        expect(texts(cases.map(inMemory), 'as they are')).toEqual(texts(stored, 'as they are'));
        const complete = stored.map((image) => withField(image, 'version', 2));
        expect(texts(complete, 'sorted')).toEqual(texts(edits.map(({ after }) => after), 'sorted'));
      }),
      { numRuns: 50 },
    );
  });

  it('makes the same documents of any paths, or refuses them like we do', async () => {
    const anyCase = fc.record({ before: generatedImage(), diff: generatedPaths() });
    const seen = { made: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(anyCase, { minLength: 1, maxLength: 20 }), async (cases) => {
        const stored = await onServer(cases);
        for (const image of stored) seen[image === undefined ? 'refused' : 'made']++;
        expect(texts(cases.map(inMemory), 'as they are')).toEqual(texts(stored, 'as they are'));
      }),
      { numRuns: 100 },
    );
    expect(Math.min(seen.made, seen.refused)).toBeGreaterThan(20);
  });

  it('gives back stored documents and stored diffs that lead to the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(generatedEdit(), { minLength: 1, maxLength: 20 }), async (edits) => {
        await collection.deleteMany({});
        const diffs = edits.map(({ before, after }) => computeDiff(before, after, { versionField: 'version' }));
        await collection.insertMany(edits.map(({ before }, _id) => ({ _id, before, diff: diffs[_id] })));
        const stored = await collection.find<Case>({}).sort({ _id: 1 }).toArray();
        const replayed = stored.map((one) => withField(inMemory(one), 'version', 2));
        expect(texts(replayed, 'sorted')).toEqual(texts(edits.map(({ after }) => after), 'sorted'));
      }),
      { numRuns: 30 },
    );
  });
});
