import { applyDiff } from 'nestjs-event-sourced-storage-client';
import type { Game, GameEvent } from './game.js';

/** One change, with the states around it; `undefined` where there was no game. */
export interface Moment {
  readonly event: GameEvent;
  readonly before: Game | undefined;
  readonly after: Game | undefined;
}

/** Where a timeline gets what it does not have yet. */
export interface TimelineSource {
  /** The events after a version, oldest first, at most `limit`. */
  events(after: number, limit: number): Promise<readonly GameEvent[]>;
  /** The game right after that version; `undefined` when there was none. */
  state(version: number): Promise<Game | undefined>;
}

/** Versions are fetched and folded in windows of so many. */
const windowLength = 200;
/** So many windows are remembered. */
const maxWindows = 20;

/**
 * The history of one game, as far as it was looked at. Walking through it asks the server once per window and not once per step: the
 * states in between are folded here, from the very diffs that were recorded.
 */
export class Timeline {
  private readonly windows = new Map<number, Promise<Moment[]>>();

  constructor(private readonly source: TimelineSource) {}

  /** The moment of a version. @throws when the history has none of that number */
  async at(version: number): Promise<Moment> {
    const [moment] = await this.range(version, version);
    if (moment === undefined) throw new Error(`There is no version ${version}.`);
    return moment;
  }

  /** The moments of versions `from` to `to`, both included, without a hole. */
  async range(from: number, to: number): Promise<Moment[]> {
    const moments: Moment[] = [];
    for (let version = Math.max(1, from); version <= to; version = lastOf(version) + 1) {
      const window = await this.window(version, Math.min(to, lastOf(version)));
      moments.push(...window.slice(version - firstOf(version), to - firstOf(version) + 1));
    }
    return moments;
  }

  /** The window around a version, complete at least up to `needed`. One request at a time, so that none overtakes another. */
  private async window(version: number, needed: number): Promise<Moment[]> {
    const first = firstOf(version);
    const before = this.windows.get(first) ?? this.begin(first);
    const window = before.then((moments) => (first + moments.length > needed ? moments : this.extend(first, moments)));
    this.remember(first, window);
    return window;
  }

  private async begin(first: number): Promise<Moment[]> {
    const before = first === 1 ? undefined : withoutVersion(await this.source.state(first - 1));
    return this.extend(first, [], before);
  }

  private async extend(first: number, known: readonly Moment[], before: Game | undefined = known.at(-1)?.after): Promise<Moment[]> {
    const next = first + known.length;
    const moments = [...known];
    let state = before;
    for (const event of await this.source.events(next - 1, first + windowLength - next)) {
      if (event.serverSeq !== first + moments.length) throw new Error(`The history has a hole at ${first + moments.length}.`);
      const after = folded(state, event);
      moments.push({ event, before: state, after });
      state = after;
    }
    return moments;
  }

  private remember(first: number, window: Promise<Moment[]>): void {
    this.windows.delete(first);
    this.windows.set(first, window);
    window.catch(() => this.windows.delete(first)); // whoever asks again tries again
    for (const oldest of this.windows.keys()) if (this.windows.size > maxWindows) this.windows.delete(oldest);
  }
}

function firstOf(version: number): number {
  return Math.floor((version - 1) / windowLength) * windowLength + 1;
}

function lastOf(version: number): number {
  return firstOf(version) + windowLength - 1;
}

function folded(state: Game | undefined, { operation, createdDoc, diff }: GameEvent): Game | undefined {
  if (operation === 'create') return withoutVersion(createdDoc);
  if (operation === 'delete' || diff === undefined) return undefined;
  return applyDiff(state, diff.set, diff.unset) as Game;
}

/** Diffs never contain the version, so a copy of it in the state would go stale. */
function withoutVersion(game: Game | undefined): Game | undefined {
  if (game === undefined) return undefined;
  const { version: _version, ...state } = game;
  return state;
}
