import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import { badRequest, tooLarge } from './sync-request.js';

/** What of Express' and Fastify's requests is used: they agree on these names. */
interface FrameworkRequest {
  readonly raw?: IncomingMessage;
  readonly originalUrl?: string;
  readonly url?: string;
  readonly params?: unknown;
  readonly body?: unknown;
  readonly ip?: string;
  readonly headers: IncomingMessage['headers'];
}

/** Fastify's reply; Express' response is the raw one itself. */
interface FrameworkReply {
  readonly raw?: ServerResponse;
  readonly hijack?: () => unknown;
  readonly getHeaders?: () => Readonly<Record<string, OutgoingHttpHeader | undefined>>;
}

type Headers = Readonly<Record<string, string>>;

/** One request and its answer, whatever the framework. */
export class SyncExchange {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly address: string;
  readonly isHead: boolean;
  private readonly incoming: IncomingMessage;
  private readonly response: ServerResponse;

  constructor(
    readonly request: object,
    private readonly reply: object,
  ) {
    const given = request as FrameworkRequest;
    this.incoming = given.raw ?? (request as IncomingMessage);
    this.response = (reply as FrameworkReply).raw ?? (reply as ServerResponse);
    this.url = given.originalUrl ?? given.url ?? '/';
    this.headers = given.headers;
    this.address = given.ip ?? this.incoming.socket.remoteAddress ?? '';
    this.isHead = this.incoming.method === 'HEAD';
  }

  /** The path of the request without its last `segments`: where the routes are mounted, whatever prefix the application has. */
  base(segments: number): string {
    const [target = ''] = this.url.split('?', 1);
    // a target may name a host as well, which is the client's word: no address that we tell may lead there
    const path = target.replace(/^[a-z][a-z\d+.-]*:[/\\]*[^/\\]*/i, '').replace(/^[/\\]+/, '/');
    return path.split('/').slice(0, -segments).join('/');
  }

  param(name: string): string {
    const value = ((this.request as FrameworkRequest).params as Readonly<Record<string, unknown>> | undefined)?.[name];
    return typeof value === 'string' ? value : '';
  }

  /** The client is gone. */
  get isGone(): boolean {
    return this.response.destroyed || this.incoming.socket.destroyed;
  }

  /** Calls back when the client goes before it was answered. @returns stops that */
  onGone(run: () => void): () => void {
    this.response.once('close', run);
    return () => this.response.off('close', run);
  }

  /** The JSON of the body, parsed by the application or here. @throws Refusal 400, 413 */
  async body(maxBytes: number): Promise<unknown> {
    if (Number(this.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
    const parsed = (this.request as FrameworkRequest).body;
    if (parsed !== undefined && parsed !== null) {
      // sent in chunks, its length shows only now
      if (this.headers['content-length'] === undefined && JSON.stringify(parsed).length > maxBytes) throw tooLarge();
      return parsed;
    }
    if (this.incoming.readableEnded) throw badRequest('body');
    return this.read(maxBytes);
  }

  json(status: number, headers: Headers, body: unknown): void {
    const text = JSON.stringify(body);
    this.head(status, { ...headers, ...(status === 304 ? {} : { 'Content-Type': 'application/json; charset=utf-8' }) });
    this.response.end(this.isHead || status === 304 ? undefined : text);
  }

  /** Begins a stream. */
  stream(headers: Headers): ServerResponse {
    this.head(200, headers);
    this.response.flushHeaders();
    this.response.socket?.setNoDelay(true);
    this.response.socket?.setTimeout(0);
    return this.response;
  }

  private head(status: number, headers: Headers): void {
    const { hijack, getHeaders } = this.reply as FrameworkReply;
    if (typeof hijack === 'function') {
      // Fastify would not send what hooks have set (CORS, security) once the raw response is used
      const set = Object.entries(getHeaders?.call(this.reply) ?? {});
      hijack.call(this.reply);
      for (const [name, value] of set) if (value !== undefined) this.response.setHeader(name, value);
    }
    this.response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) {
      if (name === 'Vary') this.response.appendHeader(name, value); // CORS has its own
      else this.response.setHeader(name, value);
    }
  }

  private async read(maxBytes: number): Promise<unknown> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.incoming) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw tooLarge();
      chunks.push(chunk as Buffer);
    }
    try {
      return JSON.parse(Buffer.concat(chunks).toString());
    } catch {
      throw badRequest('body');
    }
  }
}
