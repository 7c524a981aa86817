import { beforeHistory, replay, type ReplayState } from '../history/replay.js';
import type { DocumentId } from '../model/document-id.js';
import { assertSame } from './assert-same.js';
import type { StorageFixture } from './storage-fixture.js';

/**
 * Promises 1 to 3 for one document, looked up in the store: numbers without gaps, document and events both or neither, and the fold of
 * the events is the document.
 * @returns the state
 * @throws RangeError for a gap or an event that does not follow, AssertionError when the document is another
 */
export async function assertFoldIsDocument(fixture: Pick<StorageFixture, 'events' | 'reader' | 'versionField'>, id: DocumentId): Promise<ReplayState> {
  const state = await replay(beforeHistory, await fixture.events.read(id, {}), fixture.versionField);
  const document = await fixture.reader.read(id);
  assertSame(document, state.image, `the document ${String(id)}, compared with the fold of its events,`);
  if (document !== null) assertSame(document[fixture.versionField], state.version, `the version of ${String(id)}`);
  return state;
}
