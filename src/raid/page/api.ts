import type { Change } from '../../games/list-changes.js';
import type { Strike } from '../../games/raid.js';
import type { Game, GameEvent, HistoryEntry } from './game.js';
import { clientId } from './me.js';

/** The server said no: its `code` and facts. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The version that was found, when another one was expected. */
    readonly found?: number,
  ) {
    super(message);
  }
}

interface Body {
  readonly code?: string;
  readonly message?: string;
  readonly found?: number;
}

/** How often a write is repeated that got no answer, or "not now". It carries an operation id, so it counts once. */
const repetitions = 5;
const repeatAfterMs = 300;

export function listGames(limit: number): Promise<Game[]> {
  return ask(`/games?limit=${limit}`);
}

export function createRaid(id: string, boss: string): Promise<Game> {
  return write('PUT', `/games/${id}`, { name: `Raid on ${boss}`, boss: { name: boss, hp: 500 } });
}

export function strikeBoss(id: string, hit: Strike, operationId: string): Promise<Game> {
  return write('POST', `/games/${id}/hits`, hit, { 'idempotency-key': operationId });
}

export function revertRaid(id: string, body: { readonly toVersion: number; readonly reason: string; readonly by: string }, seen: number, operationId: string): Promise<Game> {
  return write('POST', `/games/${id}/revert`, body, { 'if-match': `"${seen}"`, 'idempotency-key': operationId });
}

export function eventsAfter(id: string, after: number, limit: number): Promise<GameEvent[]> {
  return ask(`/games/${id}/events?after=${after}&limit=${limit}`);
}

/** `undefined`: there was no such game at that version. */
export async function stateAt(id: string, version: number): Promise<Game | undefined> {
  try {
    return await ask<Game>(`/games/${id}/at/${version}`);
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return undefined;
    throw error;
  }
}

export function history(id: string, before: number | undefined, limit: number): Promise<{ readonly entries: HistoryEntry[]; readonly next?: number }> {
  return ask(`/games/${id}/history?limit=${limit}${before === undefined ? '' : `&before=${before}`}`);
}

export async function compare(id: string, from: number, to: number): Promise<Change[]> {
  const { changes } = await ask<{ changes: Change[] }>(`/games/${id}/diff/${from}/${to}`);
  return changes;
}

async function write<T>(method: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> {
  const init = { method, headers: { 'content-type': 'application/json', 'x-client-id': clientId, ...headers }, body: JSON.stringify(body) };
  for (let repeated = 0; ; repeated++) {
    try {
      return await ask<T>(path, init);
    } catch (error) {
      const isRefused = error instanceof Refusal && error.status !== 503;
      if (isRefused || repeated === repetitions) throw error;
      await new Promise((resume) => setTimeout(resume, repeatAfterMs * (repeated + 1)));
    }
  }
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(path, { ...init, cache: 'no-store' });
  const body: unknown = await answer.json();
  if (answer.ok) return body as T;
  const { code = String(answer.status), message = 'The server refused.', found } = body as Body;
  throw new Refusal(answer.status, code, message, found);
}
