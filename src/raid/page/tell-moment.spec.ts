import { describe, expect, it } from '@jest/globals';
import type { Game, GameEvent } from './game.js';
import { tellMoment } from './tell-moment.js';

const game = (changes: Partial<Game> = {}): Game => ({ _id: '1', name: 'Raid', gold: 0, experience: 0, lastUpdated: '', boss: { name: 'Hydra', hp: 50, maxHp: 100 }, ...changes });
const told = (before: Game | undefined, after: Game | undefined, event: Partial<GameEvent> = {}): string => {
  const { who, what, reason } = tellMoment({ before, after, event: { serverSeq: 2, operation: 'update', clientId: 'admin', timestamp: '', ...event } });
  return `${who} ${what}${reason === undefined ? '' : `: ${reason}`}`;
};
const hero = (damage: number) => [{ name: 'Ada', hits: 1, damage, gold: 0 }];

describe('What a change meant', () => {
  it('is told from the states around it', () => {
    const ada = { metadata: { by: 'Ada' } };
    expect(told(undefined, game(), { operation: 'create', serverSeq: 1 })).toBe('admin opened the raid');
    expect(told(undefined, game(), { operation: 'create' })).toBe('admin opened the raid again');
    expect(told(game(), undefined, { operation: 'delete' })).toBe('admin closed the raid');
    expect(told(game(), game({ heroes: hero(12) }), ada)).toBe('Ada struck for 12');
    expect(told(game({ heroes: hero(12) }), game({ heroes: hero(62), boss: { name: 'Hydra', hp: 0, maxHp: 100 } }), ada)).toBe('Ada struck the last blow for 50: the boss falls');
    expect(told(game(), game({ gold: 50, experience: -100 }))).toBe('admin brought +50 gold and -100 experience');
    expect(told(game(), game({ name: 'Other' }))).toBe('admin changed the raid');
    expect(told(game(), game(), { metadata: { revertOf: { version: 7 }, reason: 'a bot' } })).toBe('admin brought version 7 back: a bot');
  });
});
