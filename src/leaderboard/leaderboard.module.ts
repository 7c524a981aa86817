import { Module } from '@nestjs/common';
import { GamesModule } from '../games/games.module.js';
import { LeaderboardController } from './leaderboard.controller.js';
import { LeaderboardHandler } from './leaderboard.handler.js';
import { Leaderboard } from './leaderboard.js';

const capacity = 1_000;

/** The richest games, followed through document events. */
@Module({
  imports: [GamesModule],
  controllers: [LeaderboardController],
  providers: [LeaderboardHandler, { provide: Leaderboard, useFactory: () => new Leaderboard(capacity) }],
})
export class LeaderboardModule {}
