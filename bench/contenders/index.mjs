// All contenders, in the order of the tables.
import { emmett, emmettProjection } from './emmett.mjs';
import { eventNest, eventNestIndexed } from './event-nest.mjs';
import { mongooseSave, mongooseUpdate } from './mongoose.mjs';
import ours from './ours.mjs';
import protocol from './protocol.mjs';
import { raw, rawInc } from './raw.mjs';
import transaction from './transaction.mjs';
import tsPatchMongoose from './ts-patch-mongoose.mjs';

/** @type {readonly import('./contender.mjs').Contender[]} */
export const contenders = [
  ours,
  protocol,
  raw,
  rawInc,
  mongooseUpdate,
  mongooseSave,
  transaction,
  tsPatchMongoose,
  emmett,
  emmettProjection,
  eventNest,
  eventNestIndexed,
];

/** @throws RangeError for a name that is none */
export function contenderNamed(name) {
  const found = contenders.find((contender) => contender.name === name);
  if (!found) throw new RangeError(`no contender "${name}": ${contenders.map((contender) => contender.name).join(', ')}`);
  return found;
}
