import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import { applyDiff } from '../model/apply-diff.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { computeDiff } from '../write/compute-diff.js';
import { createRedaction, isRedactionPath } from './redaction.js';
import { wireDocument, wireEvent, type WireForm } from './wire-event.js';

const facts = { ref: 'games/1', versionField: 'version', authorKey: 'by' };
const canary = 'canary';

/** Documents of few keys, so that rules and changes meet; a text under a hidden path is the canary. */
const leaf = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant('shown'), fc.constant(null));
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ depthSize: 'small', maxDepth: 4 }, leaf, fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('a', 'b', 'secret', '7', 'players'), tie('tree'), { maxKeys: 4 })),
}));
const image = fc.dictionary(fc.constantFrom('a', 'b', 'secret', 'players'), tree, { maxKeys: 4 }) as fc.Arbitrary<Image>;
const rules = ['secret', 'a.b', 'players.secret', 'b.*.secret'];

describe('createRedaction', () => {
  it('property: nothing hidden is in any frame, and what a reader folds is what it would be shown', () => {
    const form: WireForm = { redaction: createRedaction('public', [...rules, '@clientId', '@by', '@operationId']), types: 'extended', format: 'diff' };
    const patch: WireForm = { ...form, format: 'rfc6902' };
    fc.assert(
      fc.property(fc.array(image, { minLength: 2, maxLength: 4 }), (states) => {
        const marked = states.map((state) => mark(state, []) as Image);
        let shown = form.redaction.value(marked[0]) as Image;
        for (const [index, after] of marked.entries()) {
          const before = marked[index - 1];
          const event: DocumentEvent<Image> = before === undefined ? eventOf({ operation: 'create', createdDoc: after }) : eventOf({ operation: 'update', diff: { hasChanges: true, version: index + 1, ...computeDiff(before, after, { versionField: 'version' }) } });
          for (const one of [form, patch]) expect(JSON.stringify(wireEvent(event, one, facts))).not.toContain(canary);
          expect(JSON.stringify(wireEvent(eventOf({ operation: 'delete', deletedDoc: after }), form, facts))).not.toContain(canary);
          expect(JSON.stringify(wireDocument(after, form, facts))).not.toContain(canary);
          if (event.operation === 'update') shown = applyDiff(shown, form.redaction.diff(event.diff));
          expect(sorted(shown)).toEqual(sorted(form.redaction.value(after)));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('hides inside replaced parents and arrays, of each element, and by wildcard', () => {
    const redaction = createRedaction('r', ['players.token', 'by.*.mail']);
    expect(redaction.value({ players: [{ token: 1, name: 'a' }], by: { ann: { mail: 1, age: 2 } } })).toEqual({ players: [{ name: 'a' }], by: { ann: { age: 2 } } });
    expect(redaction.value({ players: { 7: { token: 1, name: 'a' } } })).toEqual({ players: { 7: { name: 'a' } } });
    expect(redaction.diff({ set: { 'players.0.token': 1, 'players.1': { token: 2, name: 'b' }, by: { ann: { mail: 3 } }, other: 1 }, unset: ['by.ben.mail', 'by.ben.age'] })).toEqual({
      set: { 'players.1': { name: 'b' }, by: { ann: {} }, other: 1 },
      unset: ['by.ben.age'],
    });
  });

  it('keeps the places of the elements of an array', () => {
    const redaction = createRedaction('r', ['list.1']);
    expect(redaction.value({ list: ['a', 'b', 'c'] })).toEqual({ list: ['a', null, 'c'] });
  });

  it('changes nothing of what it is given', () => {
    const given = { secret: 1, a: { b: 2 } };
    createRedaction('r', ['secret', 'a.b']).value(given);
    expect(given).toEqual({ secret: 1, a: { b: 2 } });
  });

  it('knows what a redaction can name', () => {
    for (const path of ['a', 'a.b', 'a.*', '@clientId', '@by', '@operationId']) expect(isRedactionPath(path)).toBe(true);
    for (const path of ['', 'a.', '.a', 'a..b', '@other', '_id', 1, null]) expect(isRedactionPath(path)).toBe(false);
  });
});

function eventOf(content: object): DocumentEvent<Image> {
  return { documentId: '1', serverSeq: 1, clientId: canary, operationId: canary, timestamp: new Date(0), metadata: { by: canary, reason: canary }, ...content } as unknown as DocumentEvent<Image>;
}

/** Puts the canary under everything that the rules hide, by a rule of its own: the path without its whole numbers begins with a rule. */
function mark(value: unknown, path: readonly string[]): unknown {
  if (isHidden(path)) return canary;
  if (Array.isArray(value)) return value.map((item, index) => mark(item, [...path, String(index)]));
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mark(item, [...path, key])]));
  return value;
}

function isHidden(path: readonly string[]): boolean {
  const named = path.filter((key) => !/^\d+$/.test(key)).join('.');
  return ['secret', 'a.b', 'players.secret'].includes(named) || isUnderB(path);
}

/** `b.*.secret`, where the star may be a number too. */
function isUnderB(path: readonly string[]): boolean {
  return path[0] === 'b' && path.length >= 3 && path.at(-1) === 'secret' && path.slice(1, -1).filter((key) => !/^\d+$/.test(key)).length <= 1;
}

function sorted(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1))) : item))) as unknown;
}
