import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** Describes the HTTP interface: a page at `/docs`, the OpenAPI document at `/docs-json`. */
export function describeApi(app: INestApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Boss raid')
    .setDescription(
      'A sample of nestjs-event-sourced-storage: every change of a game is committed together with one event, under one number. ' +
        'Every error is answered as `{ "code", "message" }`.',
    )
    .setVersion('1')
    .addTag('games', 'Games and their history')
    .addTag('reactions', 'What handlers of document events make of them')
    .addTag('health')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), { customSiteTitle: 'Boss raid: HTTP interface' });
}
