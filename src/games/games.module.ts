import { Module, type DynamicModule } from '@nestjs/common';
import { EventSourcedStorageModule } from 'nestjs-event-sourced-storage';
import { Game, GameSchema } from './game.schema.js';
import { GamesController } from './games.controller.js';
import { GamesService } from './games.service.js';

const storage: DynamicModule = EventSourcedStorageModule.forFeature([{ name: Game.name, schema: GameSchema }]);

/** Games and their history; exports the storage for whoever reacts to changes. */
@Module({ imports: [storage], controllers: [GamesController], providers: [GamesService], exports: [storage] })
export class GamesModule {}
