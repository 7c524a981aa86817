import type mongoose from 'mongoose';

/** Committed on a majority and journaled there, on one consistent view: set on the transaction, the only place where it counts. */
export const majorityTransaction: mongoose.mongo.TransactionOptions = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority', j: true },
  readPreference: 'primary',
};
