import { eventsAfter, stateAt } from './api.js';
import { Connection } from './connection.js';
import { byId, setText, words } from './dom.js';
import { count } from './format.js';
import type { Game } from './game.js';
import { HistoryPanel } from './history-panel.js';
import { myName } from './me.js';
import { RaidLog } from './raid-log.js';
import { Stage } from './stage.js';
import { type Moment, Timeline } from './timeline.js';

/** So many lines the log begins with. */
const firstLines = 30;
/** What was missed is played back one change after the other, all of it within this time. */
const replayMs = 2_400;
const slowestStepMs = 160;
const maxReplayed = 200;
const retryMs = 1_000;

const lineTexts = { live: 'Live', 'catching-up': 'Catching up', offline: 'Offline', refused: 'Refused' } as const;

/** One raid: what the replica knows goes to the stage, what the history tells goes to log and history. */
export class RaidView {
  private readonly section = byId('raid');
  private readonly stage = new Stage(() => this.connection);
  private readonly log = new RaidLog();
  private readonly panel = new HistoryPanel((version) => this.remember(version));
  private connection: Connection | undefined;
  private id = '';
  private timeline: Timeline | undefined;
  private epoch = '';
  /** The newest version that the log tells. */
  private told = 0;
  private isTelling = false;
  /** The version that was there when the line went down. */
  private leftAt: number | undefined;
  /** Up to here everything was missed. */
  private missedUpTo = 0;
  private replayed: Game | undefined;
  private isDue = false;

  constructor() {
    byId('cut').addEventListener('click', () => this.toggle());
    byId('share').addEventListener('click', () => void navigator.clipboard.writeText(location.href).then(() => setText(byId('share'), 'Copied'), () => undefined));
  }

  open(id: string, at: number | undefined): void {
    if (this.id === id) return;
    this.close();
    this.id = id;
    this.section.hidden = false;
    this.connection = new Connection(id, () => this.changed());
    this.panel.open(id, at);
    byId('playing-as').replaceChildren('You play as ', words(myName()), '.');
    this.changed();
  }

  close(): void {
    if (this.id === '') return;
    void this.connection?.close();
    this.connection = undefined;
    this.timeline = undefined;
    this.id = this.epoch = '';
    this.told = this.missedUpTo = 0;
    this.leftAt = this.replayed = undefined;
    this.section.hidden = true;
    byId('nowhere').hidden = true;
    setText(byId('missed'), '');
    setText(byId('share'), 'Copy link');
    this.stage.clear();
    this.log.clear();
    this.panel.close();
  }

  /** At most one drawing for each frame, however much arrives. */
  private changed(): void {
    this.follow();
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  private draw(): void {
    const { connection } = this;
    if (connection === undefined) return;
    const { replica, state } = connection;
    byId('connection').dataset['state'] = state;
    setText(byId('connection-text'), lineTexts[state]);
    byId('cut').setAttribute('aria-pressed', String(connection.cut));
    setText(byId('cut'), connection.cut ? 'Come back' : 'Go offline');
    const isNowhere = state === 'refused' || replica.deleted;
    byId('nowhere').hidden = !isNowhere;
    setText(byId('nowhere-text'), replica.deleted ? 'It was closed. Its history is still there for the HTTP interface.' : 'The address may be mistyped, or the raid was never opened.');
    const game = this.replayed ?? replica.value;
    this.section.hidden = isNowhere || game === undefined;
    if (game === undefined) return;
    document.title = `${game.boss?.name ?? game.name} · Boss raid`;
    this.section.dataset['version'] = String(replica.version);
    this.stage.show(game);
    if (replica.confirmed !== undefined && this.timeline !== undefined) this.panel.show({ head: replica.version, game: replica.confirmed, timeline: this.timeline });
  }

  /** Notices what was missed, and has the log told up to the newest version. */
  private follow(): void {
    const { connection } = this;
    if (connection === undefined) return;
    const { replica, state } = connection;
    this.beginAnew();
    if (state !== 'live') {
      if (replica.version > 0) this.leftAt ??= replica.version;
      if (state === 'offline') setText(byId('missed'), 'You are offline. The others go on without you.');
      return;
    }
    if (this.leftAt !== undefined) {
      const missed = replica.version - this.leftAt;
      this.leftAt = undefined;
      if (missed > 0) this.missedUpTo = replica.version;
      setText(byId('missed'), missed > 0 ? `While you were away: ${count(missed, 'change')}.` : '');
    }
    void this.tell();
  }

  /** Another history, and the first sight of one: what was told before is not its past. */
  private beginAnew(): void {
    const { replica } = this.connection ?? {};
    if (replica === undefined || replica.version === 0 || (this.epoch === replica.epoch && replica.version >= this.told)) return;
    const { id } = this;
    this.epoch = replica.epoch;
    this.told = Math.max(0, replica.version - firstLines);
    this.leftAt = this.missedUpTo = 0;
    this.leftAt = undefined;
    this.log.clear();
    this.timeline = new Timeline({ events: (after, limit) => eventsAfter(id, after, limit), state: (version) => stateAt(id, version) });
  }

  /** One at a time; whatever arrives meanwhile is told in the next round. */
  private async tell(): Promise<void> {
    if (this.isTelling) return;
    this.isTelling = true;
    try {
      while (this.timeline !== undefined && this.told < this.head) {
        const { timeline } = this;
        await this.tellAll(await timeline.range(this.told + 1, this.head), timeline);
      }
    } catch {
      setTimeout(() => this.follow(), retryMs);
    } finally {
      this.isTelling = false;
      this.replayed = undefined;
      this.changedLater();
    }
  }

  /** The newest version that is known. */
  private get head(): number {
    return this.connection?.replica.version ?? 0;
  }

  private async tellAll(moments: readonly Moment[], timeline: Timeline): Promise<void> {
    const missed = moments.filter(({ event }) => event.serverSeq <= this.missedUpTo).length;
    const stepMs = missed > 1 && missed <= maxReplayed && !matchMedia('(prefers-reduced-motion: reduce)').matches ? Math.min(slowestStepMs, replayMs / missed) : 0;
    for (const moment of moments) {
      const { serverSeq } = moment.event;
      if (timeline !== this.timeline || serverSeq !== this.told + 1) return;
      const isMissed = serverSeq <= this.missedUpTo;
      this.log.add(moment, isMissed);
      this.told = serverSeq;
      if (stepMs === 0 || !isMissed) continue;
      this.replayed = moment.after;
      this.draw();
      await new Promise((resume) => setTimeout(resume, stepMs));
    }
  }

  private changedLater(): void {
    if (this.connection === undefined) return;
    requestAnimationFrame(() => this.draw());
    if (this.connection.state === 'live' && this.told < this.head) setTimeout(() => this.follow(), 0);
  }

  private toggle(): void {
    if (this.connection === undefined) return;
    this.connection.cut = !this.connection.cut;
    this.changed();
  }

  /** The moment that is looked at is part of the address. */
  private remember(version: number | undefined): void {
    history.replaceState(null, '', `#raid=${this.id}${version === undefined ? '' : `&at=${version}`}`);
  }
}
