import { type DynamicModule, Module } from '@nestjs/common';
import { GamesModule } from '../games/games.module.js';
import { SnapshotPolicy, SnapshotScheduler } from './snapshot.scheduler.js';

/** Snapshots of games whose history grows. */
@Module({})
export class SnapshotsModule {
  /** @param every see {@link SnapshotPolicy} */
  static register(every: number): DynamicModule {
    return {
      module: SnapshotsModule,
      imports: [GamesModule],
      providers: [SnapshotScheduler, { provide: SnapshotPolicy, useValue: new SnapshotPolicy(every) }],
    };
  }
}
