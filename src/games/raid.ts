/** The rules of a raid. Pure, and without Nest: the page runs the same rules for the strike it has not heard back from. */

/** Whom a raid is about. */
export interface Boss {
  name: string;
  /** What is left; 0 is defeated. */
  hp: number;
  maxHp: number;
}

/** Somebody who struck the boss. Told apart by name. */
export interface Hero {
  name: string;
  hits: number;
  damage: number;
  /** Share of the loot, once the boss has fallen. */
  gold: number;
}

/** What the rules need to know of a game. */
export interface Raid {
  gold: number;
  experience: number;
  boss?: Boss;
  heroes?: Hero[];
}

/** One strike. */
export interface Strike {
  readonly hero: string;
  readonly damage: number;
}

/** How many heroes one raid has room for. */
export const maxHeroes = 50;

/** Gold that a boss leaves, for each point of health it began with. */
const goldPerHp = 2;

/** Why the strike cannot be, or `undefined`. */
export function refusalOf(raid: Raid, { hero }: Strike): { readonly code: string; readonly message: string } | undefined {
  const { boss, heroes = [] } = raid;
  if (boss === undefined) return { code: 'NO_BOSS', message: 'This game has no boss to strike.' };
  if (boss.hp <= 0) return { code: 'BOSS_FALLEN', message: `${boss.name} has fallen already.` };
  if (heroes.length >= maxHeroes && heroes.every(({ name }) => name !== hero)) return { code: 'RAID_FULL', message: `This raid has its ${maxHeroes} heroes.` };
  return undefined;
}

/** Changes the raid by a strike that is not refused. A boss that falls leaves its gold to those who struck it. */
export function strike(raid: Raid, { hero: name, damage }: Strike): void {
  const { boss } = raid;
  if (boss === undefined) return;
  const dealt = Math.min(damage, boss.hp);
  const heroes = (raid.heroes ??= []);
  const known = heroes.find((other) => other.name === name);
  const hero = known ?? { name, hits: 0, damage: 0, gold: 0 };
  hero.hits += 1;
  hero.damage += dealt;
  if (known === undefined) heroes.push(hero);
  boss.hp -= dealt;
  raid.experience += dealt;
  if (boss.hp === 0) shareLoot(raid, boss, heroes, name);
}

/** By damage, rounded down; what is left over goes with the last blow. */
function shareLoot(raid: Raid, boss: Boss, heroes: Hero[], lastBlow: string): void {
  const loot = boss.maxHp * goldPerHp;
  const struck = heroes.reduce((sum, { damage }) => sum + damage, 0);
  let left = loot;
  for (const hero of heroes) {
    const share = Math.floor((loot * hero.damage) / struck);
    hero.gold += share;
    left -= share;
  }
  for (const hero of heroes) if (hero.name === lastBlow) hero.gold += left;
  raid.gold += loot;
}
