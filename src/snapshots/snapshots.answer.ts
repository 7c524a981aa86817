import { ApiProperty } from '@nestjs/swagger';

/** Counts are those of this process since its start. */
export class SnapshotsAnswer {
  @ApiProperty({ description: 'Whether this process is the one that makes the snapshots' })
  readonly isHolder!: boolean;

  @ApiProperty({ example: 360 })
  readonly rounds!: number;

  @ApiProperty({ example: 12 })
  readonly made!: number;

  @ApiProperty({ description: 'Older ones that were removed', example: 2 })
  readonly removed!: number;

  @ApiProperty({ description: 'Documents that failed; each was logged', example: 0 })
  readonly failed!: number;

  @ApiProperty({ description: 'Changed games that wait for their turn', example: 3 })
  readonly waiting!: number;

  @ApiProperty({ type: Date, nullable: true })
  readonly lastRoundAt!: Date | null;

  @ApiProperty({ type: Date, nullable: true })
  readonly lastErrorAt!: Date | null;
}
