import { beforeEach, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { MemoryDatabase } from '../memory/memory-database.js';
import { MemoryDocumentReader } from '../memory/memory-document-reader.js';
import { MemorySession } from '../memory/memory-session.js';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentReadOptions } from './document-reader.js';
import { GatheredReads } from './gathered-reads.js';

const { Decimal128, ObjectId } = mongoose.mongo;

/** Notes each command, and refuses it when told so. */
class RecordingReader extends MemoryDocumentReader {
  readonly commands: string[] = [];
  failure: Error | undefined;
  /** Documents that nobody can read, alone or together with others. */
  readonly broken = new Map<DocumentId, Error>();

  override async read(id: DocumentId, options: DocumentReadOptions = {}): Promise<Image | null> {
    this.note(`read ${String(id)}`, options);
    this.refuseBroken([id]);
    return super.read(id, options);
  }

  override async readEach(ids: readonly DocumentId[], options: DocumentReadOptions = {}): Promise<Image[]> {
    this.note(`readEach ${ids.map(String).join()}`, options);
    this.refuseBroken(ids);
    const images = await Promise.all(ids.map((id) => super.read(id, options)));
    return images.filter((image) => image !== null).toReversed();
  }

  private refuseBroken(ids: readonly DocumentId[]): void {
    const error = ids.map((id) => this.broken.get(id)).find((found) => found !== undefined);
    if (error !== undefined) throw error;
  }

  private note(command: string, { level }: DocumentReadOptions): void {
    this.commands.push(level === undefined ? command : `${command} ${level}`);
    if (this.failure !== undefined) throw this.failure;
  }
}

describe('GatheredReads', () => {
  let database: MemoryDatabase;
  let reader: RecordingReader;
  let reads: GatheredReads;

  beforeEach(() => {
    database = new MemoryDatabase();
    reader = new RecordingReader(database);
    reads = new GatheredReads(reader);
  });

  const plant = (...ids: readonly string[]): Image[] =>
    ids.map((_id) => {
      const image = { _id, text: `of ${_id}` };
      database.setDocument(idKey(_id), image);
      return image;
    });
  const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `id${index}`);

  it('what is asked for in one turn is read by one command, and each gets what it asked for', async () => {
    const images = plant('a', 'b', 'c');
    expect(await Promise.all(['a', 'b', 'c'].map((id) => reads.read(id)))).toEqual(images);
    expect(reader.commands).toEqual(['readEach a,b,c majority']);
  });

  it('what is asked for in the next turn is another command', async () => {
    const images = plant('a', 'b');
    const first = [reads.read('a'), reads.read('b')];
    await Promise.all(first);
    expect(await Promise.all([reads.read('a'), reads.read('b')])).toEqual(images);
    expect(reader.commands).toEqual(['readEach a,b majority', 'readEach a,b majority']);
  });

  it('a lone read is an ordinary read', async () => {
    const [image] = plant('a');
    expect(await reads.read('a')).toEqual(image);
    expect(reader.commands).toEqual(['read a majority']);
  });

  it('levels are not mixed: one command for each', async () => {
    plant('a', 'b', 'c', 'd');
    const found = await Promise.all([reads.read('a'), reads.read('b', { level: 'newest' }), reads.read('c', { level: 'majority' }), reads.read('d', { level: 'newest' })]);
    expect(found.map((image) => image?.['_id'])).toEqual(['a', 'b', 'c', 'd']);
    expect(reader.commands).toEqual(['readEach a,c majority', 'readEach b,d newest']);
  });

  it('a document that is asked for twice is read once', async () => {
    const [a, b] = plant('a', 'b');
    expect(await Promise.all([reads.read('a'), reads.read('b'), reads.read('a')])).toEqual([a, b, a]);
    expect(reader.commands).toEqual(['readEach a,b majority']);
  });

  it('a document that is not there is missing at once', async () => {
    const [a] = plant('a');
    const gone = new ObjectId('a'.repeat(24));
    expect(await Promise.all([reads.read('a'), reads.read('gone'), reads.read(gone), reads.read('gone')])).toEqual([a, null, null, null]);
    expect(reader.commands).toEqual([`readEach a,gone,${gone.toHexString()} majority`]);
  });

  it('a number that is not there is asked for by itself before it counts as missing: it may have another spelling', async () => {
    const [a] = plant('a');
    expect(await Promise.all([reads.read('a'), reads.read(5), reads.read('5'), reads.read(Decimal128.fromString('0.5'))])).toEqual([a, null, null, null]);
    expect(reader.commands).toEqual(['readEach a,5,5,0.5 majority', 'read 5 majority', 'read 0.5 majority']);
  });

  it('a number that is there is not asked for again', async () => {
    const five = { _id: 5, text: 'of 5' };
    database.setDocument(idKey(5), five);
    expect(await Promise.all([reads.read(5), reads.read('gone')])).toEqual([five, null]);
    expect(reader.commands).toEqual(['readEach 5,gone majority']);
  });

  it('reads in a transaction, with a signal or linearizable go alone, at once and as they were asked for', async () => {
    const images = plant('a', 'b', 'c', 'd', 'e');
    const session = new MemorySession();
    session.startTransaction();
    const { signal } = new AbortController();
    const found = [reads.read('a', { session }), reads.read('b', { signal }), reads.read('c', { level: 'linearizable' })];
    expect(reader.commands).toEqual(['read a', 'read b', 'read c linearizable']);
    found.push(reads.read('d'), reads.read('e'));
    expect(await Promise.all(found)).toEqual(images);
    expect(reader.commands.slice(3)).toEqual(['readEach d,e majority']);
  });

  it('the signal of a read reaches the reader', async () => {
    plant('a');
    await expect(reads.read('a', { signal: AbortSignal.abort(new Error('the caller has gone')) })).rejects.toThrow('the caller has gone');
  });

  it('a command reads a hundred documents at most', async () => {
    const ids = names(201);
    const images = plant(...ids);
    expect(await Promise.all(ids.map((id) => reads.read(id)))).toEqual(images);
    expect(reader.commands).toEqual([`readEach ${ids.slice(0, 100).join()} majority`, `readEach ${ids.slice(100, 200).join()} majority`, 'read id200 majority']);
  });

  it('where a command fails, each is read by itself, and only those fail that fail alone', async () => {
    const [a, , c] = plant('a', 'b', 'c');
    const error = new Error('b cannot be decoded');
    reader.broken.set('b', error);
    const [ofA, ofB, ofC, ofGone] = await Promise.allSettled(['a', 'b', 'c', 'gone'].map((id) => reads.read(id)));
    expect([ofA, ofC, ofGone]).toEqual([a, c, null].map((value) => ({ status: 'fulfilled', value })));
    expect(ofB).toEqual({ status: 'rejected', reason: error });
    expect(reader.commands).toEqual(['readEach a,b,c,gone majority', 'read a majority', 'read b majority', 'read c majority', 'read gone majority']);
  });

  it('each of them is read at the level that it was asked at', async () => {
    const [a] = plant('a', 'b');
    reader.broken.set('b', new Error('b cannot be decoded'));
    const found = await Promise.allSettled([reads.read('a', { level: 'newest' }), reads.read('b', { level: 'newest' })]);
    expect(found).toMatchObject([{ status: 'fulfilled', value: a }, { status: 'rejected' }]);
    expect(reader.commands).toEqual(['readEach a,b newest', 'read a newest', 'read b newest']);
  });

  it('where the server has gone, all who wait are told so, and nobody after them', async () => {
    const images = plant('a', 'b');
    reader.failure = new Error('the server has gone');
    const failed = await Promise.allSettled([reads.read('a'), reads.read('b'), reads.read('a')]);
    expect(failed).toEqual(Array.from({ length: 3 }, () => ({ status: 'rejected', reason: reader.failure })));
    reader.failure = undefined;
    expect(await Promise.all([reads.read('a'), reads.read('b')])).toEqual(images);
  });

  it('a lone read that fails says so', async () => {
    reader.failure = new Error('the server has gone');
    await expect(reads.read('a')).rejects.toBe(reader.failure);
  });

  it('hands the other questions on as they are', async () => {
    const images = plant('a', 'b');
    expect(await reads.readEach(['a', 'b'])).toEqual(images.toReversed());
    expect(await reads.readMany({ filter: { text: 'of b' } })).toEqual([images[1]]);
    expect(reader.commands).toEqual(['readEach a,b']);
  });
});
