import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { errorAnswer } from './error-answer.js';

/** Turns everything that is thrown anywhere into `{ code, message }` and a status. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const { status, body } = errorAnswer(error, { hasIfMatch: request.headers['if-match'] !== undefined });
    this.log(error, status, request);
    if (response.headersSent) return;
    if (status === 503) response.set('Retry-After', '1');
    response.status(status).set('Cache-Control', 'no-store').json(body);
  }

  private log(error: unknown, status: number, request: Request): void {
    const where = `${request.method} ${request.path}`;
    if (status === 503) this.logger.warn(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    else if (status >= 500) this.logger.error(`${where} failed`, error instanceof Error ? error.stack : String(error));
  }
}
