import { idKey } from '../model/bson-values.js';
import { describeHistoryIndex } from '../testing/history-index.contract.js';
import { MemoryDatabase } from './memory-database.js';
import { MemoryHistoryIndex } from './memory-history-index.js';
import { MemorySweepProgress } from './memory-sweep-progress.js';

describeHistoryIndex('MemoryHistoryIndex', () => {
  const database = new MemoryDatabase();
  let made = 0;
  return Promise.resolve({
    index: new MemoryHistoryIndex(database),
    progress: new MemorySweepProgress(),
    newId: () => `id-${++made}`,
    plantEvent: (event) => Promise.resolve(database.addEvents(idKey(event.documentId), [event])),
    close: () => Promise.resolve(),
  });
});
