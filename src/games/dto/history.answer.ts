import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** One line of a history: what happened, without the values. */
export class HistoryEntryAnswer {
  @ApiProperty({ type: 'integer', example: 12, description: 'The version that this change made.' })
  readonly version!: number;

  @ApiProperty({ enum: ['create', 'update', 'delete'] })
  readonly operation!: 'create' | 'update' | 'delete';

  @ApiProperty({ format: 'date-time', example: '2026-11-23T18:00:00.000Z' })
  readonly at!: string;

  @ApiProperty({ example: 'raid-page', description: 'The client that asked for the change.' })
  readonly clientId!: string;

  @ApiPropertyOptional({ example: 'Ada', description: 'The hero or person behind the client, if it was said.' })
  readonly by?: string;

  @ApiPropertyOptional({ example: 'The last blow came from a bot.', description: 'Why, if it was said; every revert says it.' })
  readonly reason?: string;

  @ApiPropertyOptional({ type: 'integer', example: 7, description: 'The version whose state a revert brought back.' })
  readonly revertOf?: number;

  @ApiProperty({ type: [String], example: ['boss.hp', 'heroes.0.damage'], description: 'Paths that an update changed; empty for others.' })
  readonly paths!: readonly string[];
}

/** A page of a history, newest first. */
export class HistoryAnswer {
  @ApiProperty({ type: [HistoryEntryAnswer] })
  readonly entries!: readonly HistoryEntryAnswer[];

  @ApiPropertyOptional({ type: 'integer', example: 12, description: '`before` of the next page; absent on the last one.' })
  readonly next?: number;
}

/** One value that differs. */
export class ChangeAnswer {
  @ApiProperty({ example: 'boss.hp' })
  readonly path!: string;

  @ApiProperty({ enum: ['added', 'removed', 'changed'] })
  readonly kind!: 'added' | 'removed' | 'changed';

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: 312, description: 'Any JSON value; absent when added.' })
  readonly before?: unknown;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: 300, description: 'Any JSON value; absent when removed.' })
  readonly after?: unknown;
}

/** What differs between two versions of a game. */
export class ComparisonAnswer {
  @ApiProperty({ type: 'integer', example: 11 })
  readonly from!: number;

  @ApiProperty({ type: 'integer', example: 12 })
  readonly to!: number;

  @ApiProperty({ type: [ChangeAnswer] })
  readonly changes!: readonly ChangeAnswer[];
}
