import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import type { DocumentEvent } from '../model/document-event.js';
import { resolveRelayOptions } from '../nest/relay-options.js';
import { cloudEventOf } from './cloud-event.js';

const documentId = new mongoose.Types.ObjectId('665f1c2e9b1e8a0012345678');
const common = { documentId, clientId: 'alice', timestamp: new Date('2026-03-01T10:00:00.123Z'), operationId: 'op' } as const;
const update = (serverSeq: number, set: Record<string, unknown> = { gold: 1 }): DocumentEvent => ({ ...common, serverSeq, operation: 'update', diff: { hasChanges: true, version: serverSeq, set, unset: [] } });
const { form } = resolveRelayOptions({ name: 'relay', model: 'Game', from: 'beginning', transport: 'other', pattern: 'games' });

/** CloudEvents 1.0.2 §3: what a context attribute may be called and hold, for those that are used here. */
function violations(event: Record<string, unknown>): string[] {
  const { data: _data, ...attributes } = event;
  const names = Object.keys(attributes).filter((name) => !/^[a-z0-9]{1,20}$/.test(name));
  const values = Object.entries(attributes).filter(([, value]) => typeof value !== 'string' || value === '');
  const missing = ['specversion', 'id', 'source', 'type'].filter((name) => !(name in attributes)).map((name) => `${name}: missing`);
  const wrong = [
    ...(event['specversion'] === '1.0' ? [] : ['specversion: not 1.0']),
    ...(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(event['time'])) ? [] : ['time: not RFC 3339']),
    ...(URL.canParse(String(event['source']), 'http://base') ? [] : ['source: no URI reference']),
  ];
  return [...names.map((name) => `${name}: not a name of an attribute`), ...values.map(([name]) => `${name}: not a text`), ...missing, ...wrong];
}

describe('cloudEventOf', () => {
  it('says which document changed, how, when and under which number', () => {
    expect(cloudEventOf(update(7), form)).toEqual({
      specversion: '1.0',
      id: '665f1c2e9b1e8a0012345678@7',
      source: '/Game',
      type: 'event-sourced-storage.document.updated',
      subject: '665f1c2e9b1e8a0012345678',
      time: '2026-03-01T10:00:00.123Z',
      datacontenttype: 'application/json',
      partitionkey: '665f1c2e9b1e8a0012345678',
      sequence: '0000000000000007',
      data: {
        documentId: { $oid: '665f1c2e9b1e8a0012345678' },
        serverSeq: 7,
        operation: 'update',
        clientId: 'alice',
        timestamp: { $date: '2026-03-01T10:00:00.123Z' },
        operationId: 'op',
        diff: { hasChanges: true, version: 7, set: { gold: 1 }, unset: [] },
      },
    });
  });

  it.each([
    ['create', { createdDoc: { _id: documentId } }, 'created'],
    ['delete', { deletedDoc: { _id: documentId } }, 'deleted'],
  ])('a %s has a type of its own', (operation, content, happened) => {
    const event = { ...common, serverSeq: 1, operation, ...content } as unknown as DocumentEvent;
    expect(cloudEventOf(event, { ...form, typePrefix: 'org.example.game' }).type).toBe(`org.example.game.${happened}`);
  });

  it('holds to the specification, whatever the event', () => {
    const kinds = fc.constantFrom<readonly [string, string]>(['create', 'createdDoc'], ['delete', 'deletedDoc']);
    const ids = fc.oneof(fc.string({ minLength: 1 }), fc.integer(), fc.bigInt(), fc.constant(documentId));
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), kinds, fc.object(), fc.date({ min: new Date(0), max: new Date(253_402_300_799_999), noInvalidDate: true }), (id, serverSeq, [operation, key], document, timestamp) => {
        const event = { ...common, documentId: id, serverSeq, operation, timestamp, [key]: document } as unknown as DocumentEvent;
        expect(violations(cloudEventOf(event, form) as unknown as Record<string, unknown>)).toEqual([]);
      }),
    );
  });

  it('the check of the specification finds what is wrong', () => {
    const { id: _id, ...rest } = cloudEventOf(update(1), form);
    expect(violations({ ...rest, partitionKey: '' })).toEqual(['partitionKey: not a name of an attribute', 'partitionKey: not a text', 'id: missing']);
  });

  it('is the same at every delivery, and no two events have the same id', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { minLength: 2 });
    fc.assert(
      fc.property(numbers, (serverSeqs) => {
        const once = serverSeqs.map((serverSeq) => cloudEventOf(update(serverSeq), form));
        expect(serverSeqs.map((serverSeq) => cloudEventOf(structuredClone({ ...update(serverSeq), documentId: String(documentId) }) as DocumentEvent, form).id)).toEqual(once.map(({ id }) => id));
        expect(new Set(once.map(({ id }) => id)).size).toBe(serverSeqs.length);
      }),
    );
  });

  it('texts of sequence have the order of the numbers', () => {
    const pair = fc.tuple(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
    fc.assert(fc.property(pair, ([a, b]) => expect(cloudEventOf(update(a), form).sequence < cloudEventOf(update(b), form).sequence).toBe(a < b)));
  });

  it('BSON values travel as Extended JSON and survive a broker', () => {
    const { Long, Decimal128, Binary } = mongoose.mongo;
    const set = { big: Long.fromString('9007199254740993'), price: Decimal128.fromString('1.10'), bytes: new Binary(Buffer.from('ab')), at: new Date(0), ref: documentId };
    const sent = JSON.parse(JSON.stringify(cloudEventOf(update(2, set), form))) as { data: { diff: { set: unknown } } };
    expect(sent.data.diff.set).toEqual({
      big: { $numberLong: '9007199254740993' },
      price: { $numberDecimal: '1.10' },
      bytes: { $binary: { base64: 'YWI=', subType: '00' } },
      at: { $date: '1970-01-01T00:00:00.000Z' },
      ref: { $oid: '665f1c2e9b1e8a0012345678' },
    });
    expect(mongoose.mongo.BSON.EJSON.deserialize(sent.data.diff.set as never, { relaxed: false })).toMatchObject({ big: set.big, price: set.price });
  });

  it('the application chooses what is told, or that nothing is', () => {
    const some = resolveRelayOptions({ name: 'relay', model: 'Game', from: 'now', transport: 'other', pattern: 'games', data: (event) => ({ by: event.documentId }) });
    expect(cloudEventOf(update(1), some.form).data).toEqual({ by: { $oid: String(documentId) } });
    const none = cloudEventOf(update(1), { ...form, data: () => undefined });
    expect(Object.keys(none).filter((key) => key.startsWith('data'))).toEqual([]);
  });
});
