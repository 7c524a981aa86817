import { createRaid, listGames } from './api.js';
import { byId, element, showList, words } from './dom.js';
import { count, number } from './format.js';
import type { Game } from './game.js';
import { myName, randomHex, rename } from './me.js';
import { run } from './say.js';

const maxListed = 30;
const maxAsked = 1_000;
const refreshMs = 3_000;

const bosses = ['The Iron Warden', 'Hydra of the Fen', 'The Ashen King', 'Queen of Thorns', 'The Drowned Bell', 'Old Cinderjaw', 'The Pale Engine', 'Stormwright'];

/** The list of raids, and the way into them. */
export class Lobby {
  private readonly section = byId('lobby');
  private timer: ReturnType<typeof setInterval> | undefined;
  private games = new Map<string, Game>();

  constructor(private readonly enter: (id: string) => void) {
    const name = byId('me-name', HTMLInputElement);
    name.value = myName();
    name.addEventListener('input', () => name.value.trim() !== '' && rename(name.value.trim()));
    byId('me').addEventListener('submit', (event) => event.preventDefault());
    const boss = byId('new-name', HTMLInputElement);
    boss.value = suggestion();
    byId('new-raid').addEventListener('submit', (event) => {
      event.preventDefault();
      run(() => this.open(boss.value.trim()));
    });
  }

  show(): void {
    this.section.hidden = false;
    byId('new-name', HTMLInputElement).value = suggestion();
    document.title = 'Boss raid';
    run(() => this.refresh());
    this.timer ??= setInterval(() => document.visibilityState === 'visible' && void this.refresh().catch(() => undefined), refreshMs);
  }

  hide(): void {
    this.section.hidden = true;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async open(boss: string): Promise<void> {
    const id = `${Math.floor(Date.now() / 1_000).toString(16).padStart(8, '0')}${randomHex(8)}`; // as MongoDB makes them: sorted by time
    await createRaid(id, boss);
    this.enter(id);
  }

  /** The newest ones; games without a boss are for the HTTP interface. */
  private async refresh(): Promise<void> {
    const games = await listGames(maxAsked);
    const raids = games.filter(({ boss }) => boss !== undefined).slice(-maxListed).toReversed();
    this.games = new Map(raids.map((game) => [keyOf(game), game]));
    showList(byId('raids'), [...this.games.keys()], (key) => this.card(key));
    byId('no-raids').hidden = raids.length > 0;
  }

  private card(key: string): HTMLElement {
    const { _id: id = '', boss, heroes = [], version = 0 } = this.games.get(key) ?? ({} as Partial<Game>);
    const { name: bossName = '', hp = 0, maxHp = 1 } = boss ?? {};
    const rest = element('div', { class: 'hp small', 'aria-hidden': 'true' }, element('div', { class: 'rest' }));
    rest.style.setProperty('--rest', String(hp / maxHp));
    const health = hp === 0 ? 'Fallen' : `${number(hp)} of ${number(maxHp)} health`;
    const link = element('a', { href: `#raid=${id}` }, words(bossName));
    const facts = element('p', { class: 'quiet' }, `${count(heroes.length, 'hero', 'heroes')} · version ${number(version)}`);
    return element('li', { class: 'card' }, link, rest, element('p', {}, health), facts);
  }
}

/** Another state is another card. */
function keyOf({ _id, version = 0 }: Game): string {
  return `${_id}@${version}`;
}

function suggestion(): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return bosses[random % bosses.length] ?? '';
}
