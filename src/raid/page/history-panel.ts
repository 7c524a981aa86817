import { history } from './api.js';
import { drawChanges, drawState } from './draw-state.js';
import { byId, element, setText, showList, words } from './dom.js';
import { number, timeOfDay } from './format.js';
import type { Game, HistoryEntry } from './game.js';
import { listChanges } from '../../games/list-changes.js';
import { RevertDialog } from './revert-dialog.js';
import { run } from './say.js';
import { tellMoment } from './tell-moment.js';
import type { Timeline } from './timeline.js';

const pageLength = 50;

/** What is now. */
export interface Present {
  readonly head: number;
  readonly game: Game;
  readonly timeline: Timeline;
}

/** The versions of a raid, and the way back to them. */
export class HistoryPanel {
  private readonly slider = byId('slider', HTMLInputElement);
  private readonly dialog = new RevertDialog();
  private id = '';
  private present: Present | undefined;
  /** The version that is looked at; `undefined`: now. */
  private selected: number | undefined;
  private entries = new Map<string, HistoryEntry>();
  /** `before` of the pages that were left behind, so that "newer" finds back. The first page has none. */
  private befores: (number | undefined)[] = [undefined];
  private next: number | undefined;
  private isLoading = false;
  private listedHead = 0;

  /** @param moved tells which version is looked at */
  constructor(private readonly moved: (version: number | undefined) => void) {
    byId('history-toggle').addEventListener('click', () => this.toggle(!this.isOpen));
    this.slider.addEventListener('input', () => this.select(Number(this.slider.value)));
    byId('now').addEventListener('click', () => {
      this.select(undefined);
      this.slider.focus(); // the button goes away
    });
    byId('older').addEventListener('click', () => {
      if (this.next !== undefined) this.turn([...this.befores, this.next]);
    });
    byId('newer').addEventListener('click', () => {
      if (this.befores.length > 1) this.turn(this.befores.slice(0, -1));
    });
    byId('versions').addEventListener('click', (event) => {
      const { version } = (event.target as Element).closest<HTMLElement>('[data-version]')?.dataset ?? {};
      if (version !== undefined) this.select(Number(version));
    });
    byId('revert').addEventListener('click', () => {
      const { present, selected } = this;
      if (present === undefined || selected === undefined) return;
      this.dialog.open({ id: this.id, toVersion: selected, seen: present.head, timeline: present.timeline, done: () => this.select(undefined) });
    });
  }

  open(id: string, at: number | undefined): void {
    this.id = id;
    this.selected = at;
    this.toggle(at !== undefined);
  }

  close(): void {
    this.present = this.selected = this.next = undefined;
    this.entries.clear();
    this.befores = [undefined];
    this.listedHead = 0;
    byId('versions').replaceChildren();
    this.dialog.close();
    this.toggle(false);
  }

  show(present: Present): void {
    const isOther = present.head !== this.present?.head || present.timeline !== this.present.timeline;
    this.present = present;
    if (!this.isOpen || !isOther) return;
    if (this.selected !== undefined && this.selected >= present.head) this.selected = undefined;
    this.draw();
  }

  private get isOpen(): boolean {
    return byId('history-toggle').getAttribute('aria-expanded') === 'true';
  }

  private toggle(isOpen: boolean): void {
    byId('history-toggle').setAttribute('aria-expanded', String(isOpen));
    byId('history-body').hidden = !isOpen;
    if (isOpen && this.present !== undefined) this.draw();
    if (!isOpen && this.selected !== undefined) this.select(undefined);
  }

  private select(version: number | undefined): void {
    this.selected = version === this.present?.head ? undefined : version;
    this.moved(this.selected);
    this.draw();
  }

  private draw(): void {
    const { present, selected } = this;
    if (present === undefined) return;
    const { head, game } = present;
    const version = selected ?? head;
    this.slider.max = String(head);
    this.slider.value = String(version);
    byId('past').hidden = selected === undefined;
    byId('history-body').classList.toggle('in-past', selected !== undefined);
    setText(byId('past-text'), selected === undefined ? '' : `This is the past: version ${number(version)}, read-only, ${number(head - version)} behind.`);
    byId('revert').hidden = selected === undefined;
    setText(byId('then-title'), `Then: version ${number(version)}`);
    setText(byId('today-title'), `Now: version ${number(head)}`);
    drawState(byId('today'), game);
    this.mark(version);
    run(() => this.drawMoment(version, present));
    this.list();
  }

  /** From memory, but for the first of each window. What was overtaken meanwhile is not drawn. */
  private async drawMoment(version: number, { timeline, head }: Present): Promise<void> {
    const moment = await timeline.at(version);
    if (timeline !== this.present?.timeline || version !== (this.selected ?? this.present.head)) return;
    const { who, what } = tellMoment(moment);
    const text = `Version ${number(version)} of ${number(head)}, ${timeOfDay(moment.event.timestamp)}: `;
    byId('moment').replaceChildren(text, words(who), ` ${what}`);
    this.slider.setAttribute('aria-valuetext', `version ${number(version)} of ${number(head)}, ${timeOfDay(moment.event.timestamp)} by ${who}`);
    drawState(byId('then'), moment.after);
    setText(byId('diff-title'), `What version ${number(version)} changed`);
    drawChanges(byId('diff'), listChanges(moment.before, moment.after));
  }

  private turn(befores: (number | undefined)[]): void {
    this.befores = befores;
    this.listedHead = 0;
    this.list();
  }

  /** The first page goes along with what is new; an older one stays where it is. */
  private list(): void {
    const head = this.present?.head ?? 0;
    if (this.isLoading || this.listedHead === head || (this.befores.length > 1 && this.listedHead > 0)) return;
    this.isLoading = true;
    run(async () => {
      const { id, befores } = this;
      try {
        const { entries, next } = await history(id, befores.at(-1), pageLength);
        if (id !== this.id || befores !== this.befores) return;
        this.listedHead = head;
        this.next = next;
        this.entries = new Map(entries.map((entry) => [String(entry.version), entry]));
        showList(byId('versions'), [...this.entries.keys()], (key) => this.row(key));
        byId('older', HTMLButtonElement).disabled = next === undefined;
        byId('newer', HTMLButtonElement).disabled = befores.length === 1;
        this.mark(this.selected ?? head);
      } finally {
        this.isLoading = false;
      }
      this.list();
    });
  }

  private row(key: string): HTMLElement {
    const entry = this.entries.get(key);
    if (entry === undefined) return element('li', {});
    const { version, at, by, clientId, reason, revertOf } = entry;
    const kind = revertOf === undefined ? entry.operation : `back to ${number(revertOf)}`;
    const button = element(
      'button',
      { type: 'button' },
      element('span', { class: 'seq' }, number(version)),
      element('span', {}, `${kind} by `, words(by ?? clientId), ...(reason === undefined ? [] : [': ', words(reason)])),
      element('time', { datetime: at, class: 'quiet' }, timeOfDay(at)),
    );
    button.dataset['version'] = key;
    return element('li', {}, button);
  }

  private mark(version: number): void {
    for (const button of byId('versions').querySelectorAll('button')) {
      if (button.dataset['version'] === String(version)) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    }
  }
}
