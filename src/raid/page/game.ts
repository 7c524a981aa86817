import type { Raid } from '../../games/raid.js';

/** A game as it arrives: in a replica without its version, which the replica itself knows. */
export interface Game extends Raid {
  readonly _id: string;
  readonly name: string;
  readonly lastUpdated: string;
  readonly version?: number;
}

/** A change as `GET /games/:id/events` tells it. */
export interface GameEvent {
  readonly serverSeq: number;
  readonly operation: 'create' | 'update' | 'delete';
  readonly clientId: string;
  readonly timestamp: string;
  readonly metadata?: { readonly by?: unknown; readonly reason?: unknown; readonly revertOf?: { readonly version: number } };
  readonly createdDoc?: Game;
  readonly diff?: { readonly set: Readonly<Record<string, unknown>>; readonly unset: readonly string[] };
}

/** A line of `GET /games/:id/history`. */
export interface HistoryEntry {
  readonly version: number;
  readonly operation: 'create' | 'update' | 'delete';
  readonly at: string;
  readonly clientId: string;
  readonly by?: string;
  readonly reason?: string;
  readonly revertOf?: number;
  readonly paths: readonly string[];
}
