import mongoose from 'mongoose';
import type { DocumentId } from '../model/document-id.js';
import { bsonSamples } from '../testing/bson-samples.js';
import { describeDifferential } from '../testing/differential.contract.js';
import { describeDocumentCache } from '../testing/document-cache.contract.js';
import { describeDocumentCommitter } from '../testing/document-committer.contract.js';
import { describeDocumentReader } from '../testing/document-reader.contract.js';
import { describeEventStore } from '../testing/event-store.contract.js';
import { createMemoryFixture } from '../testing/memory-fixture.js';
import { describeSnapshotStore } from '../testing/snapshot-store.contract.js';
import { describeStreamStore } from '../testing/stream-store.contract.js';
import type { StorageFixture } from '../testing/storage-fixture.js';
import { MemoryDocumentCache } from './memory-document-cache.js';

const samples = bsonSamples(mongoose.mongo);
const newId = (): DocumentId => new mongoose.mongo.ObjectId();
const createFixture = (): Promise<StorageFixture> => createMemoryFixture(newId);

describeDocumentCommitter('MemoryDocumentCommitter', createFixture, samples);
describeEventStore('MemoryEventStore', createFixture, samples);
describeSnapshotStore('MemorySnapshotStore', createFixture, samples);
describeStreamStore('MemoryStreamStore', createFixture);
describeDocumentReader('MemoryDocumentReader', createFixture, samples);
describeDocumentCache('MemoryDocumentCache', () => Promise.resolve({ cache: new MemoryDocumentCache(), versionField: 'version', newId, close: () => Promise.resolve() }), samples);
describeDifferential('memory and memory', createFixture, createFixture, { runs: 200 });
