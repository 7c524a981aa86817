import { inPresentShape } from '../history/upcasters.js';
import { MemoryAdoptionStore } from '../memory/memory-adoption-store.js';
import { MemoryAuditStore } from '../memory/memory-audit-store.js';
import { MemoryChangeFeed } from '../memory/memory-change-feed.js';
import { MemoryDatabase } from '../memory/memory-database.js';
import { MemoryDocumentCache } from '../memory/memory-document-cache.js';
import { MemoryDocumentCommitter } from '../memory/memory-document-committer.js';
import { MemoryDocumentReader } from '../memory/memory-document-reader.js';
import { MemoryEventStore } from '../memory/memory-event-store.js';
import { MemoryHistoryPruner } from '../memory/memory-history-pruner.js';
import { MemoryOperationResolver } from '../memory/memory-operation-resolver.js';
import { MemorySnapshotStore } from '../memory/memory-snapshot-store.js';
import { MemoryStreamStore } from '../memory/memory-stream-store.js';
import { MemoryTransactionScopes } from '../memory/memory-transaction-scopes.js';
import { PlainCaster } from '../memory/plain-caster.js';
import { resolveFeatureOptions } from '../options/resolve-storage-options.js';
import type { FeatureOptions } from '../options/storage-options.js';
import { StorageEngine } from '../storage-engine.js';
import { EventHub } from '../watch/event-hub.js';
import { AfterCommit, type CommittedChange } from '../write/after-commit.js';
import { AfterCommits } from '../write/after-commits.js';
import type { DocumentCommitter } from '../write/document-committer.js';

/** What a test wants different. */
export interface MemoryEngineOptions {
  readonly database?: MemoryDatabase;
  readonly options?: FeatureOptions;
  readonly random?: () => number;
  /** Stands between the queue and the memory committer. */
  readonly committer?: (inner: DocumentCommitter) => DocumentCommitter;
}

/** One feature without a database, and what it told its listeners. */
export interface MemoryEngine {
  readonly engine: StorageEngine;
  readonly database: MemoryDatabase;
  readonly notified: CommittedChange[];
}

/** A whole storage on the memory adapters: the shortest example of putting one together. */
export function createMemoryEngine({ database = new MemoryDatabase(), options = {}, random = Math.random, committer = same }: MemoryEngineOptions = {}): MemoryEngine {
  const problems: string[] = [];
  const resolved = resolveFeatureOptions({}, options, { name: 'Memory', collection: database.collection, schemaVersionKey: 'version' }, problems);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const notified: CommittedChange[] = [];
  let made = 0;
  const feed = new MemoryChangeFeed();
  const stores = inPresentShape({ events: new MemoryEventStore(database), snapshots: new MemorySnapshotStore(database) }, resolved);
  const hub = new EventHub({ feed, events: stores.events, eventsCollection: resolved.eventsCollection, warn: () => undefined });
  database.listeners.add((event) => feed.tell(resolved.eventsCollection, event));
  const engine = new StorageEngine(
    {
      committer: committer(new MemoryDocumentCommitter(database)),
      resolver: new MemoryOperationResolver(database),
      reader: new MemoryDocumentReader(database),
      cache: new MemoryDocumentCache(),
      ...stores,
      streams: new MemoryStreamStore(database, random),
      audit: new MemoryAuditStore(database),
      adoption: new MemoryAdoptionStore(database),
      pruner: new MemoryHistoryPruner(database),
      caster: new PlainCaster(() => `generated-${++made}`),
      scopes: new MemoryTransactionScopes(),
      afterCommit: new AfterCommits([new Listener(notified), hub]),
      feed,
      hub,
      runTransaction: () => Promise.reject(new Error('the memory engine runs no transactions')),
      isUnavailable: () => false,
    },
    { options: resolved, now: Date.now, random, newOperationId: () => `operation-${++made}`, warn: () => undefined, watch: { isEnabled: true, refreshes: true } },
  );
  return { engine, database, notified };
}

class Listener extends AfterCommit {
  constructor(private readonly notified: CommittedChange[]) {
    super();
  }

  override notify(committed: CommittedChange): void {
    this.notified.push(committed);
  }
}

function same(committer: DocumentCommitter): DocumentCommitter {
  return committer;
}
