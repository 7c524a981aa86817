import { Module } from '@nestjs/common';
import { GamesModule } from '../games/games.module.js';
import { ActivityLog } from './activity-log.js';
import { ActivityController } from './activity.controller.js';
import { ActivityHandler } from './activity.handler.js';
import { BossHandler } from './boss.handler.js';

/** What happened lately, and what it means. */
@Module({ imports: [GamesModule], controllers: [ActivityController], providers: [ActivityLog, ActivityHandler, BossHandler] })
export class ActivityModule {}
