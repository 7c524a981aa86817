import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query, Res, UseInterceptors } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { Types } from 'mongoose';
import type { DeleteResult, DocumentEvent } from 'nestjs-event-sourced-storage';
import { ApiErrors } from '../errors/errors.openapi.js';
import { AddLootDto } from './dto/add-loot.dto.js';
import { CreateGameDto } from './dto/create-game.dto.js';
import { DeleteAnswer, GameAnswer } from './dto/game.answer.js';
import { ComparisonAnswer, HistoryAnswer } from './dto/history.answer.js';
import { HistoryQuery } from './dto/history.query.js';
import { HitDto } from './dto/hit.dto.js';
import { ListGamesQuery } from './dto/list-games.query.js';
import { MissedEventsQuery } from './dto/missed-events.query.js';
import { RevertDto } from './dto/revert.dto.js';
import { GameIdPipe } from './game-id.pipe.js';
import type { Game } from './game.schema.js';
import { ApiClientId, ApiGameEvents, ApiGameId, ApiIdempotencyKey, ApiIfMatch, ApiRequiredIfMatch, ApiVersion, game, newGame } from './games.openapi.js';
import { GamesService } from './games.service.js';
import { ClientId, IdempotencyKey, IfMatch } from './request-headers.js';
import { VersionTagInterceptor } from './version-tag.interceptor.js';
import { VersionPipe } from './version.pipe.js';

type Operation = { readonly operationId?: string };
type Precondition = { readonly expectedVersion?: number };

@ApiTags('games')
@Controller('games')
export class GamesController {
  constructor(private readonly games: GamesService) {}

  @Get()
  @ApiOperation({ summary: 'List games', description: 'In the order of their ids.' })
  @ApiOkResponse({ type: [GameAnswer] })
  @ApiErrors(400, 503)
  list(@Query() page: ListGamesQuery): Promise<Game[]> {
    return this.games.list(page);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Read a game' })
  @ApiGameId()
  @ApiOkResponse(game('The game.'))
  @ApiErrors(400, 404, 503)
  @UseInterceptors(VersionTagInterceptor)
  get(@Param('id', GameIdPipe) id: Types.ObjectId): Promise<Game> {
    return this.games.get(id);
  }

  @Post()
  @ApiOperation({
    summary: 'Create a game under a new id',
    description: 'A repeated POST makes another game. A client that must be able to repeat its request chooses the id itself and uses PUT.',
  })
  @ApiClientId()
  @ApiCreatedResponse(newGame('The new game, version 1.'))
  @ApiErrors(400, 413, 503)
  @UseInterceptors(VersionTagInterceptor)
  async create(@Body() body: CreateGameDto, @ClientId() clientId: string, @Res({ passthrough: true }) response: Response): Promise<Game> {
    const created = await this.games.create(body, clientId);
    const { _id: id } = created;
    response.location(`/games/${id.toHexString()}`);
    return created;
  }

  @Put(':id')
  @ApiOperation({ summary: 'Create a game unless it exists', description: 'An existing game is answered unchanged, whatever the body says.' })
  @ApiGameId()
  @ApiClientId()
  @ApiIdempotencyKey()
  @ApiOkResponse(game('The game existed; nothing was written.'))
  @ApiCreatedResponse(newGame('The new game. Its version is 1, or the number after the deletion of an earlier game with this id.'))
  @ApiErrors(400, 409, 413, 503)
  @UseInterceptors(VersionTagInterceptor)
  async createIfAbsent(
    @Param('id', GameIdPipe) id: Types.ObjectId,
    @Body() body: CreateGameDto,
    @ClientId() clientId: string,
    @IdempotencyKey() operation: Operation,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Game> {
    const { document, created } = await this.games.createIfAbsent(id, body, clientId, operation);
    response.status(created ? 201 : 200);
    if (created) response.location(`/games/${id.toHexString()}`);
    return document;
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Add gold and experience to a game', description: 'Adding nothing writes nothing: the version stays.' })
  @ApiGameId()
  @ApiClientId()
  @ApiIfMatch()
  @ApiIdempotencyKey()
  @ApiOkResponse(game('The game afterwards.'))
  @ApiErrors(400, 404, 409, 412, 413, 503)
  @UseInterceptors(VersionTagInterceptor)
  addLoot(
    @Param('id', GameIdPipe) id: Types.ObjectId,
    @Body() body: AddLootDto,
    @ClientId() clientId: string,
    @IfMatch() precondition: Precondition,
    @IdempotencyKey() operation: Operation,
  ): Promise<Game> {
    return this.games.addLoot(id, body, clientId, { ...precondition, ...operation });
  }

  @Post(':id/hits')
  @HttpCode(200)
  @ApiOperation({ summary: 'Strike the boss of a raid', description: 'The boss that falls leaves its gold to its heroes, by damage. Refused: NO_BOSS, BOSS_FALLEN, RAID_FULL.' })
  @ApiGameId()
  @ApiClientId()
  @ApiIdempotencyKey()
  @ApiOkResponse(game('The game afterwards.'))
  @ApiErrors(400, 404, 409, 413, 503)
  @UseInterceptors(VersionTagInterceptor)
  strike(@Param('id', GameIdPipe) id: Types.ObjectId, @Body() body: HitDto, @ClientId() clientId: string, @IdempotencyKey() operation: Operation): Promise<Game> {
    return this.games.strike(id, body, clientId, operation);
  }

  @Post(':id/revert')
  @HttpCode(200)
  @ApiOperation({ summary: 'Bring an old state back', description: 'Records a new event with the reason; what happened since stays in the history.' })
  @ApiGameId()
  @ApiClientId()
  @ApiRequiredIfMatch()
  @ApiIdempotencyKey()
  @ApiOkResponse(game('The game afterwards: the old state under a new version.'))
  @ApiErrors(400, 404, 409, 410, 412, 428, 503)
  @UseInterceptors(VersionTagInterceptor)
  revert(
    @Param('id', GameIdPipe) id: Types.ObjectId,
    @Body() body: RevertDto,
    @ClientId() clientId: string,
    @IfMatch() precondition: Precondition,
    @IdempotencyKey() operation: Operation,
  ): Promise<Game> {
    return this.games.revert(id, body, clientId, { ...precondition, ...operation });
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Delete a game', description: 'Its history stays and can still be asked for.' })
  @ApiGameId()
  @ApiClientId()
  @ApiIfMatch()
  @ApiIdempotencyKey()
  @ApiOkResponse({ type: DeleteAnswer })
  @ApiErrors(400, 409, 412, 503)
  delete(
    @Param('id', GameIdPipe) id: Types.ObjectId,
    @ClientId() clientId: string,
    @IfMatch() precondition: Precondition,
    @IdempotencyKey() operation: Operation,
  ): Promise<DeleteResult> {
    return this.games.delete(id, clientId, { ...precondition, ...operation });
  }

  @Get(':id/events')
  @ApiOperation({
    summary: 'Read what a client has missed',
    description: 'Works for deleted games too. An unknown id has an empty list. A client that keeps the last serverSeq it saw misses nothing.',
  })
  @ApiGameId()
  @ApiGameEvents()
  @ApiErrors(400, 410, 503)
  missedEvents(@Param('id', GameIdPipe) id: Types.ObjectId, @Query() query: MissedEventsQuery): Promise<DocumentEvent<Game>[]> {
    return this.games.missedEvents(id, query.after, query.limit);
  }

  @Get(':id/at/:version')
  @ApiOperation({ summary: 'Read a game as it was at a version' })
  @ApiGameId()
  @ApiVersion()
  @ApiOkResponse(game('The game right after that change.'))
  @ApiErrors(400, 404, 410, 503)
  @UseInterceptors(VersionTagInterceptor)
  at(@Param('id', GameIdPipe) id: Types.ObjectId, @Param('version', VersionPipe) version: number): Promise<Game> {
    return this.games.at(id, version);
  }

  @Get(':id/history')
  @ApiOperation({ summary: 'List the versions of a game', description: 'Newest first, without values. Works for deleted games too; an unknown id has an empty list.' })
  @ApiGameId()
  @ApiOkResponse({ type: HistoryAnswer })
  @ApiErrors(400, 503)
  history(@Param('id', GameIdPipe) id: Types.ObjectId, @Query() query: HistoryQuery): Promise<HistoryAnswer> {
    return this.games.history(id, query);
  }

  @Get(':id/diff/:from/:to')
  @ApiOperation({ summary: 'Compare two versions of a game', description: 'In either direction; version 0 is before the first.' })
  @ApiGameId()
  @ApiVersion('from')
  @ApiVersion('to')
  @ApiOkResponse({ type: ComparisonAnswer })
  @ApiErrors(400, 404, 410, 503)
  compare(@Param('id', GameIdPipe) id: Types.ObjectId, @Param('from', VersionPipe) from: number, @Param('to', VersionPipe) to: number): Promise<ComparisonAnswer> {
    return this.games.compare(id, from, to);
  }
}
