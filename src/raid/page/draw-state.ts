import type { Change } from '../../games/list-changes.js';
import { element, words } from './dom.js';
import { number } from './format.js';
import type { Game } from './game.js';

const maxShown = 160;
const signs = { added: '+', removed: '−', changed: '~' } as const;

/** A state in a few lines. */
export function drawState(list: Element, game: Game | undefined): void {
  if (game === undefined) {
    list.replaceChildren(element('dt', {}, 'Nothing'), element('dd', {}, 'there was no raid'));
    return;
  }
  const { boss, heroes = [], gold, experience } = game;
  const lines: [string, ...(string | Node)[]][] = [
    ['Boss', boss === undefined ? 'none' : `${number(boss.hp)} of ${number(boss.maxHp)}`],
    ['Gold', number(gold)],
    ['Experience', number(experience)],
    ['Heroes', ...(heroes.length === 0 ? ['none'] : heroes.flatMap(({ name, damage }, index) => [index === 0 ? '' : ', ', words(name), ` ${number(damage)}`]))],
  ];
  list.replaceChildren(...lines.flatMap(([term, ...values]) => [element('dt', {}, term), element('dd', {}, ...values)]));
}

/** Changes, each with a sign, so that nothing depends on colour. */
export function drawChanges(list: Element, changes: readonly Change[]): void {
  list.replaceChildren(...(changes.length === 0 ? [element('li', { class: 'quiet' }, 'Nothing.')] : changes.map(changeLine)));
}

function changeLine({ path, kind, before, after }: Change): HTMLElement {
  const values = [
    ...(kind === 'added' ? [] : [element('del', { dir: 'auto' }, valueText(before))]),
    ...(kind === 'changed' ? [element('span', { class: 'arrow', 'aria-hidden': 'true' }, '→')] : []),
    ...(kind === 'removed' ? [] : [element('ins', { dir: 'auto' }, valueText(after))]),
  ];
  return element('li', { class: kind }, element('span', { class: 'sign', 'aria-hidden': 'true' }, signs[kind]), element('span', { class: 'unseen' }, kind), element('code', {}, path), ...values);
}

function valueText(value: unknown): string {
  const text = typeof value === 'number' ? number(value) : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > maxShown ? `${text.slice(0, maxShown)}… (${number(text.length)} characters)` : text;
}
