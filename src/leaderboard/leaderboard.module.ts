import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { GamesModule } from '../games/games.module.js';
import { LeaderboardController } from './leaderboard.controller.js';
import { LeaderboardHandler } from './leaderboard.handler.js';
import { Leaderboard } from './leaderboard.js';
import { StoredRank, StoredRankSchema } from './rank.schema.js';

/** The richest games, followed through their events by a durable handler. */
@Module({
  imports: [GamesModule, MongooseModule.forFeature([{ name: StoredRank.name, schema: StoredRankSchema }])],
  controllers: [LeaderboardController],
  providers: [LeaderboardHandler, Leaderboard],
})
export class LeaderboardModule {}
