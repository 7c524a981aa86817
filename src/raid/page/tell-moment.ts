import type { Hero } from '../../games/raid.js';
import { number } from './format.js';
import type { Game, GameEvent } from './game.js';
import type { Moment } from './timeline.js';

/** What happened, in words: whose words stand between the others is for the page to isolate. */
export interface Told {
  /** Who did it: the hero or person, else the client. */
  readonly who: string;
  readonly what: string;
  /** Their reason, if they gave one. */
  readonly reason?: string;
}

/** Tells what a change meant, from the states around it. */
export function tellMoment({ event, before, after }: Moment): Told {
  const who = authorOf(event);
  const { reason } = event.metadata ?? {};
  return { who, what: deed(event, before, after, who), ...(typeof reason === 'string' ? { reason } : {}) };
}

export function authorOf({ clientId, metadata }: Pick<GameEvent, 'clientId' | 'metadata'>): string {
  const by = metadata?.by;
  return typeof by === 'string' ? by : clientId;
}

function deed(event: GameEvent, before: Game | undefined, after: Game | undefined, who: string): string {
  const { revertOf } = event.metadata ?? {};
  if (revertOf !== undefined) return `brought version ${number(revertOf.version)} back`;
  if (event.operation === 'create') return before === undefined && event.serverSeq > 1 ? 'opened the raid again' : 'opened the raid';
  if (event.operation === 'delete') return 'closed the raid';
  if (before === undefined || after === undefined) return 'changed the raid';
  const damage = damageOf(after, who) - damageOf(before, who);
  if (damage > 0) return after.boss?.hp === 0 ? `struck the last blow for ${number(damage)}: the boss falls` : `struck for ${number(damage)}`;
  return loot(before, after);
}

function loot(before: Game, after: Game): string {
  const gold = after.gold - before.gold;
  const experience = after.experience - before.experience;
  const gained = [gold === 0 ? '' : `${signed(gold)} gold`, experience === 0 ? '' : `${signed(experience)} experience`].filter((part) => part !== '');
  return gained.length === 0 ? 'changed the raid' : `brought ${gained.join(' and ')}`;
}

function signed(value: number): string {
  return value > 0 ? `+${number(value)}` : number(value);
}

function damageOf({ heroes = [] }: Game, who: string): number {
  return heroes.find(({ name }: Hero) => name === who)?.damage ?? 0;
}
