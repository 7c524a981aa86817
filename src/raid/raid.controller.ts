import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Response } from 'express';
import { type PageFile, PageFiles } from './page-files.js';

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** The live page: static files from controllers, so that guards and filters of the application hold for them too. */
@ApiExcludeController()
@Controller()
export class RaidController {
  constructor(private readonly files: PageFiles) {}

  @Get()
  @Header('Content-Security-Policy', contentSecurityPolicy)
  @Header('Referrer-Policy', 'no-referrer')
  @Header('Cross-Origin-Opener-Policy', 'same-origin')
  page(@Res() response: Response): void {
    send(response, this.files.html, 'text/html; charset=utf-8');
  }

  @Get('raid.js')
  script(@Res() response: Response): void {
    send(response, this.files.script, 'text/javascript; charset=utf-8');
  }

  @Get('raid.css')
  styles(@Res() response: Response): void {
    send(response, this.files.styles, 'text/css; charset=utf-8');
  }
}

/** `no-cache`: asked for each time, sent when it has changed. */
function send(response: Response, { content, etag }: PageFile, type: string): void {
  response.set({ 'Content-Type': type, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache', ETag: etag }).send(content);
}
