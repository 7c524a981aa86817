import type { mongo } from 'mongoose';
import type { WatchedDocuments } from '../watch/change-feed.js';

/** Without them a dropped database ends the stream without a word. Source: mongodb-measured F1. */
const endings = ['drop', 'rename', 'dropDatabase', 'invalidate'];

/** Nothing else of a change travels, but small diffs. */
const keys = { operationType: 1, 'ns.coll': 1, 'documentKey._id': 1, clusterTime: 1, lsid: 1, txnNumber: 1, wallTime: 1 };

/** A diff of so many bytes still travels: who has the document before it need not read the one after it. */
const mostDiffBytes = 4_096;
const isSmallDiff = { $cond: [{ $eq: [{ $type: '$fullDocument.diff' }, 'object'] }, { $lte: [{ $bsonSize: '$fullDocument.diff' }, mostDiffBytes] }, false] };

/**
 * The stages behind `$changeStream`: inserts of events; changes of documents that may have come without one; and what ends collections.
 * Nothing large: a change that carries a large document ends the stream, and again at every resume.
 * @param withDiffs whether small diffs travel with the keys
 * @param leftOut sessions whose transactions are of no interest; the server passes them over in its oplog, before it takes them apart
 */
export function feedPipeline(eventsCollections: readonly string[], documents: readonly WatchedDocuments[], leftOut: readonly mongo.Binary[] = [], withDiffs = false): object[] {
  const stages = changesOf(eventsCollections, documents, withDiffs);
  return leftOut.length === 0 ? stages : [{ $match: { 'lsid.id': { $nin: leftOut } } }, ...stages];
}

function changesOf(eventsCollections: readonly string[], documents: readonly WatchedDocuments[], withDiffs: boolean): object[] {
  const operation = { $cond: [{ $eq: ['$operationType', 'insert'] }, '$fullDocument.operation', null] };
  const told = { ...keys, operation, ...(withDiffs ? { diff: { $cond: [isSmallDiff, '$fullDocument.diff', '$$REMOVE'] } } : {}) };
  const inserted = { operationType: 'insert', 'ns.coll': { $in: eventsCollections } };
  const ended = { operationType: { $in: endings } };
  if (documents.length === 0) return [{ $match: { $or: [inserted, ended] } }, { $project: told }];
  const changed = { operationType: { $in: ['insert', 'update', 'replace', 'delete'] }, 'ns.coll': { $in: documents.map(({ collection }) => collection) } };
  return [
    { $match: { $or: [inserted, changed, ended] } },
    { $project: { ...told, isRecorded: isRecorded(documents) } },
    { $match: { isRecorded: false } },
  ];
}

/**
 * A write of the storage is part of a transaction and, but for a delete, sets the version to a number from 1 on: those stay on the server,
 * so that a commit sends one change and not two. Deletes and replacements pass, and are compared with their events here: the storage replaces
 * a document only to repair it, others do with a number that they have read. Computed, because a filter on `txnNumber` itself is answered
 * from the oplog, where retryable writes have one too (seen with 6.0.5).
 */
function isRecorded(documents: readonly WatchedDocuments[]): object {
  let version: unknown = 0; // of an event, or of the end of a collection
  for (const { collection, versionField } of documents) {
    const changed = { $ifNull: [`$fullDocument.${versionField}`, `$updateDescription.updatedFields.${versionField}`, 0] };
    version = { $cond: [{ $eq: ['$ns.coll', { $literal: collection }] }, changed, version] };
  }
  return { $and: [{ $ne: [{ $type: '$txnNumber' }, 'missing'] }, { $not: { $in: ['$operationType', ['delete', 'replace']] } }, { $isNumber: version }, { $gte: [version, 1] }] };
}
