// What every contender stores: the same content, of a given size, under the same Mongoose schema.
import mongoose from 'mongoose';

const { calculateObjectSize } = mongoose.mongo.BSON;

/** BSON bytes of "1 KB documents". */
export const usualBytes = 863;
/** The field that every write changes: it starts at 0 and each write adds 1. */
export const counter = 'gold';

const firstDay = Date.UTC(2026, 0, 1);
const statuses = ['open', 'paused', 'closed'];

/** @param {number} index @returns {string} the id of the document with that index, as 24 hexadecimal digits */
export function idOf(index) {
  return `65a1b2c3d4e5f6${index.toString(16).padStart(10, '0')}`;
}

/** Content of exactly `bytes` BSON bytes (at least 480). `ObjectId` is the class of the contender's own driver. */
export function contentOf(index, bytes, ObjectId) {
  const content = {
    _id: new ObjectId(idOf(index)),
    name: `Document ${String(index).padStart(6, '0')}`,
    status: statuses[index % statuses.length],
    [counter]: 0,
    owner: new ObjectId(idOf(index + 1_000_000)),
    openedAt: new Date(firstDay + index * 60_000),
    address: { street: '12 Long Street', city: 'Springfield', zip: '04109' },
    tags: ['alpha', 'beta', 'gamma'],
    items: [],
    note: '',
  };
  const room = bytes - calculateObjectSize(content);
  const itemBytes = calculateObjectSize(item(0)) + 8;
  for (let place = 0; (place + 1) * itemBytes <= room; place += 1) content.items.push(item(place));
  content.note = '.'.repeat(Math.max(0, bytes - calculateObjectSize(content)));
  return content;
}

function item(place) {
  return { sku: `SKU-${String(place % 1000).padStart(4, '0')}`, quantity: 1 + (place % 9), price: 9.99, addedAt: new Date(firstDay + place * 1000) };
}

/** The schema, built with the given copy of Mongoose; every path has a rule, so that validation has something to do. */
export function documentSchema({ Schema }, options = {}) {
  const itemSchema = new Schema(
    {
      sku: { type: String, required: true, match: /^SKU-\d{4}$/ },
      quantity: { type: Number, required: true, min: 1 },
      price: { type: Number, required: true, min: 0 },
      addedAt: { type: Date, required: true },
    },
    { _id: false },
  );
  return new Schema(
    {
      name: { type: String, required: true, maxlength: 200 },
      status: { type: String, required: true, enum: statuses },
      [counter]: { type: Number, required: true, min: 0 },
      owner: { type: Schema.Types.ObjectId, required: true },
      openedAt: { type: Date, required: true },
      address: { street: { type: String, required: true }, city: { type: String, required: true }, zip: { type: String, required: true } },
      tags: { type: [String], required: true },
      items: { type: [itemSchema], required: true },
      note: { type: String, maxlength: 100_000 },
    },
    { collection: 'documents', ...options },
  );
}
