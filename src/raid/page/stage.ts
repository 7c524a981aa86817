import { strikeBoss } from './api.js';
import { refusalOf, strike } from '../../games/raid.js';
import type { Connection } from './connection.js';
import { byId, element, setText, words } from './dom.js';
import { number } from './format.js';
import type { Game } from './game.js';
import { myName, randomHex } from './me.js';
import { reasonOf } from './say.js';

const weakest = 8;
const strongest = 24;

/** Boss, heroes and the button. */
export class Stage {
  private readonly button = byId('strike');
  private shownHp: number | undefined;
  private lastUnder = 0;

  constructor(private readonly connection: () => Connection | undefined) {
    this.button.addEventListener('click', () => void this.strike());
  }

  /** Forgets the raid that was shown before. */
  clear(): void {
    this.shownHp = undefined;
    setText(byId('result'), '');
  }

  show(game: Game): void {
    const { name, boss, heroes = [] } = game;
    setText(byId('raid-name'), name);
    setText(byId('boss-name'), boss?.name ?? name);
    this.showHealth(boss?.hp ?? 0, boss?.maxHp ?? 0);
    this.showHeroes(heroes);
    this.showButton(game);
  }

  private showHealth(hp: number, maxHp: number): void {
    const meter = byId('hp');
    meter.hidden = maxHp === 0;
    meter.setAttribute('aria-valuemax', String(maxHp));
    meter.setAttribute('aria-valuenow', String(hp));
    meter.setAttribute('aria-valuetext', `${number(hp)} of ${number(maxHp)}`);
    meter.style.setProperty('--rest', String(maxHp === 0 ? 0 : hp / maxHp));
    setText(byId('hp-text'), maxHp === 0 ? 'This game has no boss.' : hp === 0 ? 'Fallen. The loot is shared.' : `${number(hp)} of ${number(maxHp)} health`);
    byId('stage').classList.toggle('fallen', hp === 0);
    const lost = (this.shownHp ?? hp) - hp;
    this.shownHp = hp;
    if (lost > 0) this.showBlow(lost);
  }

  /** A number that rises from the boss; decoration only, the log says the same. */
  private showBlow(lost: number): void {
    const figure = byId('figure', SVGElement);
    figure.classList.remove('hit');
    figure.getBoundingClientRect(); // so that the animation begins anew
    figure.classList.add('hit');
    const blow = element('span', { class: 'blow' }, `−${number(lost)}`);
    this.lastUnder = (this.lastUnder + 37) % 60;
    blow.style.setProperty('left', `${20 + this.lastUnder}%`);
    blow.addEventListener('animationend', () => blow.remove());
    byId('stage').querySelector('.arena')?.append(blow);
    setTimeout(() => blow.remove(), 1_500); // without motion there is no end of it
  }

  private showHeroes(heroes: NonNullable<Game['heroes']>): void {
    const mine = myName();
    const rows = heroes
      .toSorted((a, b) => b.damage - a.damage)
      .map((hero) =>
        element(
          'tr',
          hero.name === mine ? { class: 'mine' } : {},
          element('th', { scope: 'row' }, words(hero.name)),
          ...[hero.hits, hero.damage, hero.gold].map((value) => element('td', { class: 'number' }, number(value))),
        ),
      );
    byId('hero-rows').replaceChildren(...rows);
    byId('heroes').hidden = rows.length === 0;
    byId('no-heroes').hidden = rows.length > 0;
  }

  /** Says that it is disabled instead of being it: a button that is disabled while it has the focus loses it. */
  private showButton(game: Game): void {
    const refusal = refusalOf(game, { hero: myName(), damage: weakest });
    const isOffline = this.connection()?.state === 'offline';
    this.button.setAttribute('aria-disabled', String(refusal !== undefined || isOffline));
    setText(this.button, refusal?.code === 'BOSS_FALLEN' ? 'Fallen' : isOffline ? 'Offline' : 'Strike');
  }

  /** Shown at once; dropped when its event arrives, or when the server refuses. */
  private async strike(): Promise<void> {
    const connection = this.connection();
    if (connection === undefined || this.button.getAttribute('aria-disabled') === 'true') return;
    const { replica } = connection;
    const hit = { hero: myName(), damage: randomDamage() };
    const operationId = randomHex(12);
    replica.optimistic(operationId, (copy) => {
      if (refusalOf(copy, hit) === undefined) strike(copy, hit);
    });
    try {
      const { version = 0, boss } = await strikeBoss(idOf(replica.ref), hit, operationId);
      replica.confirm(operationId, version);
      setText(byId('result'), boss?.hp === 0 ? 'The boss falls.' : `You struck for ${number(hit.damage)}.`);
    } catch (error) {
      replica.fail(operationId);
      setText(byId('result'), `Your strike did not count. ${reasonOf(error)}`);
    }
  }
}

function idOf(ref: string): string {
  return ref.slice(ref.indexOf('/') + 1);
}

function randomDamage(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return weakest + (random % (strongest - weakest + 1));
}
