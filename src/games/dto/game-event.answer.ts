import { ApiProperty } from '@nestjs/swagger';
import { GameAnswer } from './game.answer.js';

class EventAnswer {
  @ApiProperty({ example: '665f1c2e9b1e8a0012345678' })
  readonly documentId!: string;

  @ApiProperty({ type: 'integer', example: 2, description: 'Version of the game after this change: 1, 2, 3 … without gaps.' })
  readonly serverSeq!: number;

  @ApiProperty({ example: 'admin-panel', description: 'Who asked for the change.' })
  readonly clientId!: string;

  @ApiProperty({ format: 'date-time', example: '2026-11-23T18:00:00.000Z' })
  readonly timestamp!: string;

  @ApiProperty({ example: '1b4e28ba-2fa1-41d2-883f-0016d3cca427', description: 'The Idempotency-Key of the write, or one made for it.' })
  readonly operationId!: string;
}

/** What an update changed. */
export class DiffAnswer {
  @ApiProperty({ example: true })
  readonly hasChanges!: boolean;

  @ApiProperty({ type: 'integer', example: 2 })
  readonly version!: number;

  @ApiProperty({ type: 'object', additionalProperties: true, example: { gold: 150, experience: 300 }, description: 'New values by path.' })
  readonly set!: Record<string, unknown>;

  @ApiProperty({ type: [String], example: [], description: 'Paths that went away.' })
  readonly unset!: string[];
}

/** A game came into being. */
export class CreateEventAnswer extends EventAnswer {
  @ApiProperty({ enum: ['create'] })
  readonly operation!: 'create';

  @ApiProperty({ type: GameAnswer })
  readonly createdDoc!: GameAnswer;
}

/** A game changed. */
export class UpdateEventAnswer extends EventAnswer {
  @ApiProperty({ enum: ['update'] })
  readonly operation!: 'update';

  @ApiProperty({ type: DiffAnswer })
  readonly diff!: DiffAnswer;
}

/** A game was deleted; a game created later under its id goes on with the next number. */
export class DeleteEventAnswer extends EventAnswer {
  @ApiProperty({ enum: ['delete'] })
  readonly operation!: 'delete';

  @ApiProperty({ type: GameAnswer })
  readonly deletedDoc!: GameAnswer;
}
