import { describe, expect, it } from '@jest/globals';
import { maxHeroes, type Raid, refusalOf, strike } from './raid.js';

const raid = (hp: number): Raid => ({ gold: 0, experience: 0, boss: { name: 'Hydra', hp, maxHp: hp } });

describe('The rules of a raid', () => {
  it('a strike takes health from the boss and is counted for its hero', () => {
    const game = raid(100);
    strike(game, { hero: 'Ada', damage: 30 });
    strike(game, { hero: 'Ada', damage: 20 });
    expect(game).toEqual({ gold: 0, experience: 50, boss: { name: 'Hydra', hp: 50, maxHp: 100 }, heroes: [{ name: 'Ada', hits: 2, damage: 50, gold: 0 }] });
  });

  it('the last blow takes no more than there is, and the loot is shared by damage without a rest', () => {
    const game = raid(100);
    for (const [hero, damage] of [['Ada', 33], ['Bob', 33], ['Cy', 90]] as const) strike(game, { hero, damage });
    expect(game.boss?.hp).toBe(0);
    expect(game.heroes?.map(({ name, damage, gold }) => [name, damage, gold])).toEqual([
      ['Ada', 33, 66],
      ['Bob', 33, 66],
      ['Cy', 34, 68],
    ]);
    expect(game).toMatchObject({ gold: 200, experience: 100 });
  });

  it('what cannot be struck says why', () => {
    const fallen = { ...raid(10), boss: { name: 'Hydra', hp: 0, maxHp: 10 } };
    const full = { ...raid(10), heroes: Array.from({ length: maxHeroes }, (_, index) => ({ name: `Hero ${index}`, hits: 1, damage: 1, gold: 0 })) };
    const code = (game: Raid, hero = 'Ada') => refusalOf(game, { hero, damage: 1 })?.code;
    expect([code({ gold: 0, experience: 0 }), code(fallen), code(full), code(full, 'Hero 7'), code(raid(10))]).toEqual(['NO_BOSS', 'BOSS_FALLEN', 'RAID_FULL', undefined, undefined]);
  });

  it('names that mean something to JavaScript are names like others', () => {
    const game = raid(100);
    for (const hero of ['__proto__', 'constructor', '__proto__']) strike(game, { hero, damage: 5 });
    expect(game.heroes?.map(({ name, hits }) => [name, hits])).toEqual([['__proto__', 2], ['constructor', 1]]);
  });
});
