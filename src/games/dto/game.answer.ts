import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** The boss of a raid. */
export class BossAnswer {
  @ApiProperty({ example: 'The Iron Warden' })
  readonly name!: string;

  @ApiProperty({ type: 'integer', example: 312, description: 'What is left; 0 is defeated.' })
  readonly hp!: number;

  @ApiProperty({ type: 'integer', example: 500 })
  readonly maxHp!: number;
}

/** Somebody who struck the boss. */
export class HeroAnswer {
  @ApiProperty({ example: 'Ada' })
  readonly name!: string;

  @ApiProperty({ type: 'integer', example: 4 })
  readonly hits!: number;

  @ApiProperty({ type: 'integer', example: 61 })
  readonly damage!: number;

  @ApiProperty({ type: 'integer', example: 0, description: 'Share of the loot.' })
  readonly gold!: number;
}

/** A game as JSON. For the OpenAPI page: answers are the stored documents themselves. */
export class GameAnswer {
  @ApiProperty({ example: '665f1c2e9b1e8a0012345678', description: '24 hexadecimal digits.' })
  readonly _id!: string;

  @ApiProperty({ example: 'Raid on the Iron Keep' })
  readonly name!: string;

  @ApiProperty({ example: 150 })
  readonly gold!: number;

  @ApiProperty({ example: 300 })
  readonly experience!: number;

  @ApiPropertyOptional({ type: BossAnswer, description: 'Only of raids.' })
  readonly boss?: BossAnswer;

  @ApiPropertyOptional({ type: [HeroAnswer], description: 'Only of raids, from the first strike on.' })
  readonly heroes?: readonly HeroAnswer[];

  @ApiProperty({ format: 'date-time', example: '2026-11-23T18:00:00.000Z' })
  readonly lastUpdated!: string;

  @ApiProperty({ type: 'integer', example: 2, description: 'Number of the last change; also the ETag of the answer.' })
  readonly version!: number;
}

/** Answer of `DELETE /games/:id`. */
export class DeleteAnswer {
  @ApiProperty({ example: true, description: 'false: there was nothing to delete, and nothing was recorded.' })
  readonly deleted!: boolean;

  @ApiProperty({ type: 'integer', example: 3, description: 'Number of the delete event; else of the newest event, 0 without a history.' })
  readonly version!: number;
}
