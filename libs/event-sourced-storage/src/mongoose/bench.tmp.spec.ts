import { it } from '@jest/globals';
import mongoose from 'mongoose';
import { SchemaCaster } from './schema-caster.js';
import { applyDiff } from '../history/apply-diff.js';
const { Schema, Types } = mongoose;
function time(name: string, run: () => unknown, n = 100_000): void {
  for (let i = 0; i < n / 5; i++) run();
  let best = Infinity;
  for (let round = 0; round < 5; round++) { const t = performance.now(); for (let i = 0; i < n; i++) run(); best = Math.min(best, ((performance.now() - t) / n) * 1000); }
  console.log(name, best.toFixed(2), 'us');
}
async function timeAsync(name: string, run: () => Promise<unknown> | unknown, n = 20_000): Promise<void> {
  for (let i = 0; i < n / 5; i++) await run();
  let best = Infinity;
  for (let round = 0; round < 5; round++) { const t = performance.now(); for (let i = 0; i < n; i++) await run(); best = Math.min(best, ((performance.now() - t) / n) * 1000); }
  console.log(name, best.toFixed(2), 'us');
}
it('bench', async () => {
  const def = { name: { type: String, required: true, trim: true }, gold: Number, level: { type: Number, min: 0, max: 100 }, tags: [String], meta: {}, stats: { hp: Number }, items: [{ sku: String, qty: { type: Number, min: 0 } }], a: String, b: String, c: Number, d: Date };
  const make = (o: object): SchemaCaster => new SchemaCaster(mongoose.createConnection().model<unknown>('X', new Schema(def, o)), 'x', 'version');
  const c = make({}), t = make({ timestamps: true });
  const items = Array.from({ length: 10 }, (_, i) => ({ _id: new Types.ObjectId(), sku: 's' + i, qty: i }));
  const before = { _id: new Types.ObjectId(), version: 3, name: 'n', gold: 1, level: 5, tags: ['a', 'b'], meta: { x: 1 }, stats: { hp: 4 }, items, a: 'a', b: 'b', c: 1, d: new Date() };
  const now = new Date();
  const e1 = { ...before, gold: 2 };
  time('scalar, no validators', () => c.castChanges(before, e1, { set: { gold: 2 }, unset: [] }, now));
  time('scalar, timestamps', () => t.castChanges(before, e1, { set: { gold: 2 }, unset: [] }, now));
  await timeAsync('scalar with min/max', () => c.castChanges(before, { ...before, level: 6 }, { set: { level: 6 }, unset: [] }, now));
  await timeAsync('await only', () => c.castChanges(before, e1, { set: { gold: 2 }, unset: [] }, now));
  await timeAsync('3 paths, 2 validated', () => c.castChanges(before, { ...before, level: 6, name: 'x', gold: 3 }, { set: { level: 6, name: 'x', gold: 3 }, unset: [] }, now));
  await timeAsync('items.3.qty validated', () => c.castChanges(before, { ...before, items: items.map((i, n) => n === 3 ? { ...i, qty: 9 } : i) }, { set: { 'items.3.qty': 9 }, unset: [] }, now));
  await timeAsync('tags push', () => c.castChanges(before, { ...before, tags: ['a', 'b', 'c'] }, { set: { tags: ['a', 'b', 'c'] }, unset: [] }, now));
  await timeAsync('items push (document)', () => c.castChanges(before, { ...before, items: [...items, { sku: 'z' }] }, { set: { items: [...items, { sku: 'z' }] }, unset: [] }, now), 2_000);
  await timeAsync('castNew', () => c.castNew(before._id, { name: 'n', gold: 1, items: [{ sku: 'a', qty: 1 }] }, now), 2_000);
  const id = before._id.toHexString();
  time('castId hex', () => c.castId(id)); time('castId ObjectId', () => c.castId(before._id));
  time('applyDiff alone', () => applyDiff(before, { set: { gold: 2 }, unset: [] }));
});
