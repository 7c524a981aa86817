import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Leaderboard, type Rank } from './leaderboard.js';

class RankAnswer implements Rank {
  @ApiProperty({ example: '665f1c2e9b1e8a0012345678' })
  readonly id!: string;

  @ApiProperty({ example: 'Raid on the Iron Keep' })
  readonly name!: string;

  @ApiProperty({ example: 150 })
  readonly gold!: number;
}

@ApiTags('reactions')
@Controller('leaderboard')
export class LeaderboardController {
  constructor(private readonly board: Leaderboard) {}

  @Get()
  @ApiOperation({ summary: 'The ten games with most gold', description: 'Kept in a collection of its own by a durable handler: no restart loses anything.' })
  @ApiOkResponse({ type: [RankAnswer] })
  top(): Promise<Rank[]> {
    return this.board.top(10);
  }
}
