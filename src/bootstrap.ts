import { type INestApplication, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { describeApi } from './openapi.js';
import { readSnapshotEvery } from './settings.js';

export interface BootstrapOptions {
  /** A replica set; the database is `game` when it names none. */
  readonly mongoUri: string;
  /** Default 3000; 0 is any free port. */
  readonly port?: number;
  /** After how many events a game gets a new snapshot. Default: `SNAPSHOT_EVERY` of the environment, else 100. */
  readonly snapshotEvery?: number;
  readonly logger?: LoggerService | false;
}

/** Starts the sample application and resolves once it listens. */
export async function bootstrap({ mongoUri, port = 3_000, snapshotEvery = readSnapshotEvery(process.env), logger }: BootstrapOptions): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.register({ mongoUri, snapshotEvery }), {
    abortOnError: false, // the caller decides what a failed start means: it may have more to stop than this application
    bodyParser: false,
    // by then every write is settled and every stream was told; a browser's idle connection must not hold up the end
    forceCloseConnections: true,
    ...(logger === undefined ? {} : { logger }),
  });
  app.disable('x-powered-by');
  app.disable('etag'); // Express would tag every answer with a hash; here an ETag is the version of a game
  app.useBodyParser('json', { limit: '100kb' });
  describeApi(app);
  try {
    await app.listen(port);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}
