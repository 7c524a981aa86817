import mongoose from 'mongoose';

/** An update event as stored, number `v` of a long history that is made in bulk: it leaves `gold: v`. `template` is a stored event of it. */
export function updateAt(v: number, documentId: unknown, template: object | null | undefined): Record<string, unknown> {
  const { createdDoc: _none, crc: _other, ...common } = (template ?? {}) as Record<string, unknown>;
  const key = { d: documentId, v: mongoose.mongo.Long.fromNumber(v) };
  return { ...common, _id: key, operation: 'update', diff: { set: { gold: v }, unset: [] }, operationId: `bulk-${v}` };
}
