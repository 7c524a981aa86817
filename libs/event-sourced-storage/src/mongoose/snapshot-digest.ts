import { createHash } from 'node:crypto';
import mongoose from 'mongoose';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { storedNumber } from './event-key.js';

const { BSON } = mongoose.mongo;

/** The number is part of it: a right state at a wrong number is damage too. */
export interface DigestedSnapshot {
  readonly documentId: DocumentId;
  readonly serverSeq: number;
  readonly state: Image | null;
}

/** The mark of a snapshot that is about to be stored: that of what a reader will get. */
export function digestToStore(snapshot: DigestedSnapshot): string {
  // the driver hands some types out as others, a small Long as a number for instance
  const { documentId, state } = BSON.deserialize(BSON.serialize({ documentId: snapshot.documentId, state: snapshot.state })) as Pick<DigestedSnapshot, 'documentId' | 'state'>;
  return digestOf({ documentId, serverSeq: snapshot.serverSeq, state });
}

/** The mark of a snapshot as it was read. */
export function digestOf({ documentId, serverSeq, state }: DigestedSnapshot): string {
  return createHash('sha256').update(BSON.serialize({ d: documentId, v: storedNumber(serverSeq), state })).digest('base64url');
}
