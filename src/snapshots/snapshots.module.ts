import { Module } from '@nestjs/common';
import { GamesModule } from '../games/games.module.js';
import { SnapshotsController } from './snapshots.controller.js';

/** Shows how the snapshots of games are getting on; the storage makes them. */
@Module({ imports: [GamesModule], controllers: [SnapshotsController] })
export class SnapshotsModule {}
