import type { Connection } from 'mongoose';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import type { EventStore } from '../history/event-store.js';
import { MemoryChangeFeed } from '../memory/memory-change-feed.js';
import { keepsImages } from '../mongoose/keeps-images.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { ChangeFeed } from '../watch/change-feed.js';
import { EventHub } from '../watch/event-hub.js';
import type { WatchSettings } from '../watch/storage-watch.js';
import { AfterCommit, type CommittedChange } from '../write/after-commit.js';
import type { StorageRoot } from './storage-root.js';

/** What one feature listens with. */
export interface OpenedWatch {
  readonly feed: ChangeFeed;
  readonly hub: EventHub;
  /** Who is told of the commits of this process. */
  readonly followers: readonly AfterCommit[];
  readonly settings: Omit<WatchSettings, 'publisher'>;
}

/**
 * With `watchEnabled` the database's change stream, else the commits of this process only.
 * @throws InvalidOptionsError when the collection keeps no images and `watchFullDocument: 'required'` asks for them
 */
export async function openWatch(root: StorageRoot, shared: ChangeFeed, connection: Connection, events: EventStore, options: ResolvedFeatureOptions): Promise<OpenedWatch> {
  const { watchEnabled, watchFullDocument, now } = root.options;
  const warn = (message: string): void => root.logger.warn(message);
  const hubOn = (feed: ChangeFeed): EventHub => new EventHub({ feed, events, eventsCollection: options.eventsCollection, warn });
  if (!watchEnabled) {
    const feed = new MemoryChangeFeed(now);
    const hub = hubOn(feed);
    return { feed, hub, followers: [hub, new LocalCommits(feed, options.eventsCollection)], settings: { isEnabled: false, refreshes: false } };
  }
  const isAsking = watchFullDocument === 'required' || watchFullDocument === 'whenAvailable';
  const hasImages = isAsking && (await keepsImages(connection, options.collection));
  if (watchFullDocument === 'required' && !hasImages) {
    throw new InvalidOptionsError([
      `forRoot: watchFullDocument "required" needs images in the collection "${options.collection}": run { collMod: "${options.collection}", changeStreamPreAndPostImages: { enabled: true } } (MongoDB 6), or use "updateLookup"`,
    ]);
  }
  const hub = hubOn(shared);
  return { feed: shared, hub, followers: [hub], settings: { isEnabled: true, refreshes: hasImages || watchFullDocument === 'updateLookup' } };
}

/** Stands in for the change stream: tells of what this process commits. */
class LocalCommits extends AfterCommit {
  constructor(
    private readonly feed: MemoryChangeFeed,
    private readonly eventsCollection: string,
  ) {
    super();
  }

  override notify({ event }: CommittedChange): void {
    this.feed.tell(this.eventsCollection, event);
  }
}
