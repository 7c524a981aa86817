import type { DocumentChange } from '../write/document-change.js';
import type { MemoryDatabase } from './memory-database.js';

/** Writes the changes of one document: its final state once, and every event. */
export function applyChanges(database: MemoryDatabase, changes: readonly DocumentChange[]): void {
  const last = changes.at(-1);
  if (last === undefined) return;
  database.setDocument(last.key, last.after);
  database.addEvents(
    last.key,
    changes.map(({ event }) => event),
  );
}
