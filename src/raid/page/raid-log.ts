import { byId, element, words } from './dom.js';
import { number, timeOfDay } from './format.js';
import { tellMoment } from './tell-moment.js';
import type { Moment } from './timeline.js';

const maxLines = 100;

/** Who did what, newest first. Its lines are the history itself, each version once. */
export class RaidLog {
  private readonly list = byId('log');

  clear(): void {
    this.list.replaceChildren();
  }

  /** Puts a line on top. */
  add(moment: Moment, isMissed: boolean): void {
    this.list.prepend(logLine(moment, isMissed));
    while (this.list.childElementCount > maxLines) this.list.lastElementChild?.remove();
  }
}

function logLine(moment: Moment, isMissed: boolean): HTMLElement {
  const { serverSeq, timestamp } = moment.event;
  const line = element(
    'li',
    isMissed ? { class: 'was-missed' } : {},
    element('span', { class: 'seq' }, number(serverSeq)),
    element('span', { class: 'deed' }, ...sentence(moment)),
    element('time', { datetime: timestamp, class: 'quiet' }, timeOfDay(timestamp)),
  );
  line.dataset['version'] = String(serverSeq);
  return line;
}

/** "Ada struck for 12", as nodes. */
export function sentence(moment: Moment): (Node | string)[] {
  const { who, what, reason } = tellMoment(moment);
  return [words(who), ` ${what}`, ...(reason === undefined ? [] : [': ', words(reason)])];
}
