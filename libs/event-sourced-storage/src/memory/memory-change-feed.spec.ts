import { describeChangeFeed } from '../testing/change-feed.contract.js';
import { MemoryChangeFeed } from './memory-change-feed.js';

describeChangeFeed('MemoryChangeFeed', () => {
  const feed = new MemoryChangeFeed();
  let made = 0;
  return Promise.resolve({
    feed,
    collections: ['games_events', 'players_events'] as const,
    newId: () => `id-${++made}`,
    commit: (collection, events) => {
      for (const event of events) feed.tell(collection, { ...event, operation: event.serverSeq === 1 ? 'create' : 'update' });
      return Promise.resolve();
    },
    lostPosition: -1,
    close: () => feed.close(),
  });
});
