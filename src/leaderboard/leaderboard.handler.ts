import { type DeliveryContext, type DocumentEvent, DurableEventsHandler, type DurableHandler, EventSourcedStorageService, InjectEventSourcedStorage } from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { Leaderboard } from './leaderboard.js';
import { rankChange } from './rank-change.js';

/**
 * Keeps the leaderboard up to date: every event of every game, from its first one, whichever process recorded it. The line commits together
 * with the handler's progress, so that a restart neither loses nor repeats anything.
 */
@DurableEventsHandler({ name: 'leaderboard', model: Game.name, from: 'beginning' })
export class LeaderboardHandler implements DurableHandler<Game> {
  constructor(
    private readonly board: Leaderboard,
    @InjectEventSourcedStorage(Game.name) private readonly games: EventSourcedStorageService<Game>,
  ) {}

  async handle(event: DocumentEvent<Game>, context: DeliveryContext): Promise<void> {
    const id = event.documentId as Game['_id'];
    // what was compacted away before this handler came is in the state alone
    const state = context.compacted === undefined || event.operation === 'delete' ? null : await this.games.stateAt(id, { version: event.serverSeq });
    const change = state === null ? rankChange(event) : { name: state.name, gold: state.gold };
    // without the session the event costs no transaction
    if (change !== undefined) await this.board.apply(id, change, context.session);
  }
}
