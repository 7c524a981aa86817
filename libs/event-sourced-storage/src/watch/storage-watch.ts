import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { ReadPath } from '../read/read-path.js';
import type { AfterCommit } from '../write/after-commit.js';
import { CacheCoherence } from './cache-coherence.js';
import type { ChangeFeed, FeedSubscription } from './change-feed.js';
import type { EventHub } from './event-hub.js';
import { PublishEverywhere, type StateSource } from './publish-everywhere.js';
import { UnrecordedChanges, type UnrecordedParts } from './unrecorded-changes.js';

/** What a feature does with the commits of others. */
export interface WatchSettings {
  /** `false`: nothing; this process lives by its own commits and the age of its cache. */
  readonly isEnabled: boolean;
  /** Whether a cached document that somebody else changed is read again at once, or dropped. */
  readonly refreshes: boolean;
  /** Publishes every commit that the feed tells, own ones too; left out: nobody does. */
  readonly publisher?: AfterCommit | undefined;
}

/** What listening works with. */
export interface StorageWatchParts extends Omit<UnrecordedParts, 'mode'> {
  readonly feed: ChangeFeed;
  readonly hub: EventHub;
  readonly readPath: ReadPath;
  readonly options: Pick<ResolvedFeatureOptions, 'collection' | 'eventsCollection' | 'versionField' | 'onUnrecordedChange'>;
  readonly settings: WatchSettings;
  /** Whether documents and all their events are of the same shape: no upcasters. */
  readonly hasOneShape: boolean;
  readonly states: StateSource;
}

/** How long a shutdown waits for the feed to tell the last commits to those who publish, in ms. */
const settleMs = 1_000;

/** Everything that one feature of this process does of itself with what the feed tells. */
export class StorageWatch {
  private readonly coherence: CacheCoherence;
  private readonly unrecorded: UnrecordedChanges | undefined;
  private readonly publishing: PublishEverywhere | undefined;
  private readonly subscriptions: FeedSubscription[] = [];
  private isClosed = false;

  constructor(private readonly parts: StorageWatchParts) {
    const { options, settings, readPath, hub, states, warn } = parts;
    this.coherence = new CacheCoherence(readPath, settings.refreshes, settings.refreshes && parts.hasOneShape && options.onUnrecordedChange !== 'ignore');
    this.unrecorded = options.onUnrecordedChange === 'ignore' ? undefined : new UnrecordedChanges({ ...parts, mode: options.onUnrecordedChange });
    this.publishing = settings.publisher === undefined ? undefined : new PublishEverywhere({ hub, publisher: settings.publisher, states, warn });
  }

  /** Begins to listen. Resolves once everything committed from then on will be told; a feed that cannot start yet keeps trying. */
  async start(): Promise<void> {
    const { feed, options, settings, readPath } = this.parts;
    if (!settings.isEnabled || this.isClosed || this.subscriptions.length > 0) return;
    this.subscriptions.push(feed.subscribeToOthers(options.eventsCollection, (notice) => this.coherence.hear(notice)));
    const { unrecorded } = this;
    if (unrecorded !== undefined) this.subscriptions.push(feed.subscribeUnrecorded(options, (change) => unrecorded.hear(change)));
    this.publishing?.start();
    await Promise.all(this.subscriptions.map(({ ready }) => ready));
    // what was read before may have changed unheard
    readPath.doubtAll();
  }

  /** Listens to nothing more. Twice is harmless. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.coherence.close();
    if (this.publishing !== undefined) await this.parts.hub.settled(settleMs);
    const subscriptions = this.subscriptions.splice(0);
    await Promise.all([...subscriptions.map((subscription) => subscription.close()), this.unrecorded?.close(), this.parts.hub.close()]);
    await this.publishing?.done();
  }
}
