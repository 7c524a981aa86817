import type { DocumentEvent } from 'nestjs-event-sourced-storage';
import type { Game } from '../games/game.schema.js';

/** What an event makes of a game's line: fields to set, or the end of it. */
export type RankChange = Readonly<Partial<Pick<Game, 'name' | 'gold'>>> | 'remove';

/** `undefined`: the event concerns neither name nor gold. */
export function rankChange(event: DocumentEvent<Game>): RankChange | undefined {
  if (event.operation === 'delete') return 'remove';
  const { name, gold } = event.operation === 'create' ? event.createdDoc : (event.diff.set as Partial<Game>);
  if (name === undefined && gold === undefined) return undefined;
  return { ...(name === undefined ? {} : { name }), ...(gold === undefined ? {} : { gold }) };
}
