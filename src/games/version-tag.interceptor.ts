import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { map, type Observable } from 'rxjs';
import type { Game } from './game.schema.js';

/** Answers a game with its version as `ETag`, for `If-Match` and `If-None-Match`. A version never names two states of one game. */
@Injectable()
export class VersionTagInterceptor implements NestInterceptor<Game, Game> {
  intercept(context: ExecutionContext, next: CallHandler<Game>): Observable<Game> {
    const response = context.switchToHttp().getResponse<Response>();
    return next.handle().pipe(map((game) => tagged(game, response)));
  }
}

function tagged(game: Game, response: Response): Game {
  response.set('ETag', `"${game.version}"`);
  return game;
}
