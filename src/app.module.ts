import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { MongooseModule } from '@nestjs/mongoose';
import { EventSourcedStorageModule, EventSourcedSyncModule } from 'nestjs-event-sourced-storage';
import { ActivityModule } from './activity/activity.module.js';
import { ErrorFilter } from './errors/error.filter.js';
import { GamesModule } from './games/games.module.js';
import { HealthModule } from './health/health.module.js';
import { HomeModule } from './home/home.module.js';
import { LeaderboardModule } from './leaderboard/leaderboard.module.js';
import { RaidModule } from './raid/raid.module.js';
import { databaseOf } from './settings.js';
import { SnapshotsModule } from './snapshots/snapshots.module.js';
import { RequestValidationPipe } from './validation/request-validation.pipe.js';

export interface AppSettings {
  readonly mongoUri: string;
  readonly snapshotEvery: number;
}

/** The whole sample application. */
@Module({})
export class AppModule {
  static register({ mongoUri, snapshotEvery }: AppSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        MongooseModule.forRoot(mongoUri, {
          dbName: databaseOf(mongoUri),
          retryAttempts: 3,
          retryDelay: 1_000,
          maxPoolSize: 50,
          // a primary that fell silent must not hold a write longer than an election takes
          socketTimeoutMS: 5_000,
          heartbeatFrequencyMS: 1_000,
          serverSelectionTimeoutMS: 5_000,
        }),
        CqrsModule.forRoot(),
        EventSourcedStorageModule.forRoot({
          cacheTTL: 600_000,
          watchEnabled: true,
          watchFullDocument: 'updateLookup',
          snapshots: { everyEvents: snapshotEvery, onDelete: true, keepLast: 10 },
          snapshotScheduler: { everyMs: 10_000 },
        }),
        // a public demo: everybody may follow every game; what is followed leaves out which user stands behind a change, the history of a game names it
        EventSourcedSyncModule.forRoot({
          path: 'sync',
          authorizeStream: (_context, { collection }) => ({ allow: collection === 'games', redact: 'public' }),
          redactions: { public: ['@by'] },
        }),
        GamesModule,
        LeaderboardModule,
        ActivityModule,
        SnapshotsModule,
        HealthModule,
        HomeModule,
        RaidModule,
      ],
      providers: [
        { provide: APP_FILTER, useClass: ErrorFilter },
        { provide: APP_PIPE, useClass: RequestValidationPipe },
      ],
    };
  }
}
