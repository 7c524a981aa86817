import mongoose from 'mongoose';
import type { DocumentId } from '../index.js';
import { castId } from '../mongoose/cast-id.js';
import { schemaShape } from '../mongoose/mongoose-internals.js';
import { exitCodes } from './exit-codes.js';
import { type IdKind, idType } from './id-kind.js';
import { Refusal } from './refusal.js';

/** A text as an id of this kind, by the rules of the storage. */
export function castIdText(text: string, kind: IdKind): DocumentId {
  const type = schemaShape(new mongoose.Schema({ _id: idType(kind) })).paths['_id'];
  if (type === undefined) throw new Refusal(`Ids of kind ${kind} are not known.`, exitCodes.usage);
  return castId(type, text);
}
