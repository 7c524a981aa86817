import { WholeNumber } from '../../validation/whole-number.decorator.js';

/** Query of `GET /games/:id/history`. */
export class HistoryQuery {
  @WholeNumber({ description: 'Only versions below this one: `next` of the page before.', min: 1, max: Number.MAX_SAFE_INTEGER, default: Number.MAX_SAFE_INTEGER })
  readonly before: number = Number.MAX_SAFE_INTEGER;

  @WholeNumber({ description: 'At most so many entries.', min: 1, max: 200, default: 50 })
  readonly limit: number = 50;
}
