import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request } from 'express';
import mongoose from 'mongoose';
import { homePage } from './home.page.js';
import { homeStyles } from './home.styles.js';

const contentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What this is and how to try it without a browser. */
@ApiExcludeController()
@Controller()
export class HomeController {
  @Get('about')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', contentSecurityPolicy)
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Referrer-Policy', 'no-referrer')
  @Header('Cache-Control', 'no-store')
  page(@Req() request: Request): string {
    return homePage({ url: urlOf(request), gameId: new mongoose.Types.ObjectId().toHexString() });
  }

  @Get('home.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Cache-Control', 'public, max-age=300')
  styles(): string {
    return homeStyles;
  }
}

/** Where the visitor reached this application, so that the commands can be copied. The header is the visitor's word: it must look like a host. */
function urlOf(request: Request): string {
  const host = request.get('host') ?? '';
  return /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:]+\](:\d{1,5})?$/i.test(host) ? `${request.protocol}://${host}` : 'http://localhost:3000';
}
