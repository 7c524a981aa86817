import { WholeNumber } from '../../validation/whole-number.decorator.js';

/** Query of `GET /games`. */
export class ListGamesQuery {
  @WholeNumber({ description: 'At most so many games.', min: 1, max: 1_000, default: 100 })
  readonly limit: number = 100;

  @WholeNumber({ description: 'How many games to pass over.', min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 })
  readonly skip: number = 0;
}
