import { Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { SyncEndpoints } from './sync-endpoints.js';
import { SyncExchange } from './sync-exchange.js';

/** The token of what the routes call. */
export const syncEndpointsToken = 'EventSourcedSyncModule endpoints';

/** Made for a path: a class of its own each time, so that an application may mount it more than once. */
export function createSyncController(path: string): new (...args: never[]) => object {
  /** The routes of the sync protocol. Guards of the application apply; the answers are written here, since a stream shares its frames. */
  @Controller(path)
  class SyncController {
    constructor(@Inject(syncEndpointsToken) private readonly endpoints: SyncEndpoints) {}

    @Post('stream')
    streamMany(@Req() request: object, @Res() response: object): Promise<void> {
      return this.endpoints.streamMany(new SyncExchange(request, response));
    }

    @Post('pull')
    pull(@Req() request: object, @Res() response: object): Promise<void> {
      return this.endpoints.pull(new SyncExchange(request, response));
    }

    @Get(':collection/:id/stream')
    stream(@Req() request: object, @Res() response: object): Promise<void> {
      return this.endpoints.stream(new SyncExchange(request, response));
    }

    @Get(':collection/:id/events')
    events(@Req() request: object, @Res() response: object): Promise<void> {
      return this.endpoints.events(new SyncExchange(request, response));
    }

    @Get(':collection/:id')
    state(@Req() request: object, @Res() response: object): Promise<void> {
      return this.endpoints.state(new SyncExchange(request, response));
    }
  }
  return SyncController;
}
