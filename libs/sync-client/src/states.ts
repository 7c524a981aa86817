/** What a connection is doing. `error` is left by `connect()` only, `closed` never. */
export type Status = 'idle' | 'connecting' | 'catching-up' | 'live' | 'reconnecting' | 'paused' | 'error' | 'closed';

/**
 * What can happen to a connection.
 *
 * - `start` the user wants it · `hello` the server answers · `live` nothing is missing
 * - `lost` no answer, refused for now, cut, silent, or an event is missing: again from the local position, after a while
 * - `restart` the local position is void: again at once, from a snapshot · `due` the waiting is over
 * - `denied` refused for good · `pause`, `resume` hidden or offline, and back · `close` the user is done
 */
export type Signal = 'start' | 'hello' | 'live' | 'lost' | 'restart' | 'due' | 'denied' | 'pause' | 'resume' | 'close';

const nothing = { start: null, hello: null, live: null, lost: null, restart: null, due: null, denied: null, pause: null, resume: null, close: null } as const;
/** A connection that is open, or being opened, ends the same ways wherever it is. */
const open = { ...nothing, lost: 'reconnecting', restart: 'connecting', denied: 'error', pause: 'paused', close: 'closed' } as const;

/** The next state for every state and signal; `null`: the signal means nothing there, for example because it comes late. */
export const states: Readonly<Record<Status, Readonly<Record<Signal, Status | null>>>> = {
  idle: { ...nothing, start: 'connecting', pause: 'paused', close: 'closed' },
  connecting: { ...open, hello: 'catching-up', live: 'live' },
  'catching-up': { ...open, live: 'live' },
  live: open,
  reconnecting: { ...nothing, start: 'connecting', due: 'connecting', pause: 'paused', close: 'closed' },
  paused: { ...nothing, resume: 'connecting', close: 'closed' },
  error: { ...nothing, start: 'connecting', close: 'closed' },
  closed: nothing,
};
