import { WholeNumber } from '../../validation/whole-number.decorator.js';

/** Query of `GET /games/:id/events`. */
export class MissedEventsQuery {
  @WholeNumber({ description: 'The last version the client has seen; 0 asks from the beginning.', min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 })
  readonly after: number = 0;

  @WholeNumber({ description: 'At most so many events; ask again after the last one for more.', min: 1, max: 1_000, default: 500 })
  readonly limit: number = 500;
}
