import { compare, Refusal, revertRaid } from './api.js';
import { drawChanges } from './draw-state.js';
import { byId, element, setText } from './dom.js';
import { number } from './format.js';
import { myName, randomHex } from './me.js';
import { sentence } from './raid-log.js';
import { reasonOf, run, say } from './say.js';
import type { Timeline } from './timeline.js';

const maxTold = 10;

/** What is to be brought back, and what the person has seen. */
export interface RevertWish {
  readonly id: string;
  readonly toVersion: number;
  /** The newest version that was shown when the dialog opened: later ones must not be undone unseen. */
  readonly seen: number;
  readonly timeline: Timeline;
  readonly done: () => void;
}

/** Asks before a revert: shows what it would change, and wants a reason. */
export class RevertDialog {
  private readonly dialog = byId('revert-dialog', HTMLDialogElement);
  private readonly reason = byId('reason', HTMLInputElement);
  private wish: RevertWish | undefined;
  /** One for each wish, so that a repeated click is the same revert. */
  private operationId = '';

  constructor() {
    byId('revert-cancel').addEventListener('click', () => this.close());
    byId('revert-form').addEventListener('submit', (event) => {
      event.preventDefault();
      run(() => this.confirm());
    });
  }

  open(wish: RevertWish): void {
    this.reason.value = '';
    byId('refused').hidden = true;
    setText(byId('revert-confirm'), 'Revert');
    setText(byId('revert-title'), `Bring back version ${number(wish.toVersion)}?`);
    this.dialog.showModal();
    this.reason.focus();
    run(() => this.preview(wish));
  }

  close(): void {
    this.wish = undefined;
    if (this.dialog.open) this.dialog.close();
  }

  private async preview(wish: RevertWish): Promise<void> {
    this.wish = wish;
    this.operationId = randomHex(12);
    byId('preview').replaceChildren();
    const changes = await compare(wish.id, wish.seen, wish.toVersion);
    if (this.wish === wish) drawChanges(byId('preview'), changes);
  }

  private async confirm(): Promise<void> {
    const { wish } = this;
    if (wish === undefined) return;
    try {
      const { version = 0 } = await revertRaid(wish.id, { toVersion: wish.toVersion, reason: this.reason.value, by: myName() }, wish.seen, this.operationId);
      this.close();
      wish.done();
      say(`Version ${number(wish.toVersion)} is back, as version ${number(version)}.`);
    } catch (error) {
      await this.refused(wish, error);
    }
  }

  /** Somebody was faster: says what happened, and asks again with it in view. */
  private async refused(wish: RevertWish, error: unknown): Promise<void> {
    const box = byId('refused');
    box.hidden = false;
    if (!(error instanceof Refusal) || error.found === undefined) {
      box.replaceChildren(element('p', {}, reasonOf(error)));
      return;
    }
    const moments = await wish.timeline.range(wish.seen + 1, error.found);
    const told = moments.slice(-maxTold).map((moment) => element('li', {}, `${number(moment.event.serverSeq)}: `, ...sentence(moment)));
    box.replaceChildren(element('p', {}, `Nothing was changed: since version ${number(wish.seen)} this happened.`), element('ul', {}, ...told));
    setText(byId('revert-confirm'), 'Revert all the same');
    await this.preview({ ...wish, seen: error.found });
  }
}
