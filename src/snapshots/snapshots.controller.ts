import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { EventSourcedStorageService, InjectEventSourcedStorage } from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { SnapshotsAnswer } from './snapshots.answer.js';

@ApiTags('snapshots')
@Controller('snapshots')
export class SnapshotsController {
  constructor(@InjectEventSourcedStorage(Game.name) private readonly games: EventSourcedStorageService<Game>) {}

  @Get()
  @ApiOperation({ summary: 'How the scheduler of snapshots is doing in this process' })
  @ApiOkResponse({ type: SnapshotsAnswer })
  status(): SnapshotsAnswer {
    const { isHolder, rounds, made, removed, failed, waiting, lastRoundAt, lastError } = this.games.snapshotStatus();
    // what went wrong is in the log: it may name things that are nobody's business here
    return { isHolder, rounds, made, removed, failed, waiting, lastRoundAt: lastRoundAt ?? null, lastErrorAt: lastError?.at ?? null };
  }
}
