import http from 'node:http';
import { until } from './until.js';

/** One block of an event stream, as it was written. */
export interface Frame {
  /** `undefined`: the block had no `id` line at all. */
  readonly id: string | undefined;
  readonly event: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a frame says is what the test is about
  readonly data: any;
  /** The block byte for byte. */
  readonly raw: string;
}

/** A client of an event stream that does nothing on its own: no reconnecting, no replica. */
export class SseClient {
  readonly frames: Frame[] = [];
  isEnded = false;
  private rest = '';

  private constructor(
    readonly request: http.ClientRequest,
    readonly response: http.IncomingMessage,
  ) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.take(chunk));
    for (const event of ['end', 'close', 'error']) response.on(event, () => (this.isEnded = true));
  }

  /** Connects, and fails unless the answer is a stream. */
  static async open(url: string, options: { headers?: Record<string, string>; body?: unknown; agent?: http.Agent } = {}): Promise<SseClient> {
    const { response, request } = await send(url, options);
    if (response.statusCode === 200) return new SseClient(request, response);
    throw new Error(`${url}: ${response.statusCode} ${await textOf(response)}`);
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }

  of(event: string): Frame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  /** Waits for the `count`th frame of a kind. */
  async next(event: string, count = 1): Promise<Frame> {
    return until(() => this.of(event)[count - 1], `frame ${count} "${event}" (there are ${this.frames.map((frame) => frame.event).join(' ')})`);
  }

  async ended(): Promise<void> {
    await until(() => this.isEnded, 'end of the stream');
  }

  close(): void {
    this.request.destroy();
  }

  private take(chunk: string): void {
    this.rest += chunk;
    for (let end = this.rest.indexOf('\n\n'); end >= 0; end = this.rest.indexOf('\n\n')) {
      this.frames.push(parse(this.rest.slice(0, end + 2)));
      this.rest = this.rest.slice(end + 2);
    }
  }
}

function parse(raw: string): Frame {
  const fields = new Map(raw.trimEnd().split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
  return { id: fields.get('id'), event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? 'null') as unknown, raw };
}

function send(url: string, { headers = {}, body, agent }: { headers?: Record<string, string>; body?: unknown; agent?: http.Agent }): Promise<{ request: http.ClientRequest; response: http.IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = http.request(url, {
      method: text === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(text === undefined ? {} : { 'content-type': 'application/json' }) },
      agent: agent ?? false,
    });
    request.on('response', (response) => resolve({ request, response }));
    request.on('error', reject);
    request.end(text);
  });
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

/** Any request, without the comforts of `fetch`: headers go out as they are. */
// oxlint-disable-next-line typescript/no-explicit-any -- what an answer says is what the test is about
export async function ask(url: string, options: { headers?: Record<string, string>; body?: unknown } = {}): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: any; text: string }> {
  const { request, response } = await send(url, options);
  const isStream = response.headers['content-type'] === 'text/event-stream';
  if (isStream) request.destroy(); // it would never end
  const text = isStream ? '' : await textOf(response);
  return { status: response.statusCode ?? 0, headers: response.headers, text, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : undefined };
}
