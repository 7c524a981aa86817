import type { Cursor } from '../history/cursor.js';

/** The fixed set of event names. Never `error`, `open` or `message`: a browser takes those for its own. */
export type FrameName = 'hello' | 'snapshot' | 'ev' | 'live' | 'hb' | 'reset' | 'sync' | 'bye';

/** Why a stream ends. */
export type ByeReason = 'rotate' | 'shutdown' | 'token' | 'slow' | 'limit' | 'purged';

/** The lines `event` and `data` and the empty one: what is shared by all who get this frame. JSON has no line breaks of its own. */
export function frameBody(name: FrameName, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * The `id` line to be put in front of a frame that moves the client's resume point. Frames that do not must have no such line at all:
 * an id alone moves the resume point and an empty one erases it (WHATWG HTML, section 9.2.6).
 */
export function idLine(id: string): string {
  return `id: ${id}\n`;
}

/** `epoch.v`: the `id` of a frame, the ETag of a state. */
export function cursorText({ epoch, version }: Cursor): string {
  return `${epoch}.${version}`;
}
