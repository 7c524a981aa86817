import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { bsonText, generatedEdit, generatedImage } from '../testing/generated-documents.js';
import { applyDiff } from '../model/apply-diff.js';
import { inverseDiff } from '../model/inverse-diff.js';
import { diffStates } from '../maintenance/diff-states.js';
import { checkBytes } from './event-checksum.js';
import { fromRecord, toCheckedRecord, toRecord } from './event-record.js';

const { BSON, ObjectId } = mongoose.mongo;

const eventOf = (createdDoc: Record<string, unknown>): Parameters<typeof toRecord>[0] => ({ documentId: new ObjectId(), serverSeq: 3, operation: 'create', clientId: 'c', timestamp: new Date(), operationId: 'o', createdDoc });

describe('the checksum of an event', () => {
  it('fits what was written, whatever the document, and no byte can change without notice', () => {
    fc.assert(
      fc.property(generatedImage(), fc.nat(), fc.integer({ min: 1, max: 255 }), (image, position, change) => {
        const bytes = Buffer.from(BSON.serialize(toCheckedRecord(eventOf(image), new ObjectId())));
        expect(checkBytes(bytes)).toBe('right');
        const tail = 10;
        const index = 4 + (position % (bytes.length - 4 - tail));
        bytes[index] = (bytes[index] as number) ^ change;
        expect(checkBytes(bytes)).toBe('wrong');
      }),
    );
  });

  it('is absent in records of before, and never shown', () => {
    expect(checkBytes(Buffer.from(BSON.serialize(toRecord(eventOf({ a: 1 }), 1))))).toBe('absent');
    expect(checkBytes(Buffer.from(BSON.serialize({})))).toBe('absent');
    expect(fromRecord(toCheckedRecord(eventOf({ a: 1 }), 1))).not.toHaveProperty('crc');
  });
});

describe('diffStates', () => {
  const versions = { from: 1, to: 2, versionField: 'version' };

  it('leads from one state to the other, and its inverse back, whatever the documents', () => {
    fc.assert(
      fc.property(generatedEdit(), ({ before, after }) => {
        const there = diffStates(before, after, versions);
        const image = applyDiff(before, there);
        expect(bsonText({ ...image, version: 2 }, 'sorted')).toBe(bsonText(after, 'sorted'));
        expect(bsonText(applyDiff(image, inverseDiff(there, before)), 'sorted')).toBe(bsonText(before, 'sorted'));
        expect(there.change).toBe(there.hasChanges ? 'update' : 'none');
      }),
    );
  });
});
