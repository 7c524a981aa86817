/** The client of `nestjs-event-sourced-storage`: replicas of documents that keep themselves up to date. */
export { applyDiff } from './apply-diff.js';
export { createReplica, type Replica, type ReplicaOptions, type ReplicaView } from './replica.js';
export { createReplicaSet, type ReplicaSet, type ReplicaSetOptions } from './replica-set.js';
export { indexedDbStorage, memoryStorage, type ReplicaStorage } from './storage.js';
export type { SyncProblem } from './document-replica.js';
export type { Activity, Fetch, FetchInit, FetchReader, FetchResponse, SyncOptions } from './options.js';
export type { Change } from './overlay.js';
export type { Status } from './states.js';
