import { EventSourcedStorageError } from '../errors/event-sourced-storage.error.js';
import type { DocumentId } from '../model/document-id.js';
import { noRedaction, type Redaction } from './redaction.js';
import type { SyncExchange } from './sync-exchange.js';
import type { ResolvedSyncOptions, SyncContext, SyncDecision } from './sync-options.js';
import { badRequest, forbidden, notFound, Refusal, unavailable } from './sync-request.js';
import type { SyncSource } from './sync-source.js';

/** A document that was asked for, found among the features. */
export interface Target {
  readonly source: SyncSource;
  readonly id: DocumentId;
  readonly idText: string;
}

/** What its reader may see, and until when. */
export interface Grant {
  readonly redaction: Redaction;
  readonly until: Date | undefined;
}

/** Finds and authorises: nothing of a document is read before. */
export class SyncAccess {
  constructor(
    private readonly options: ResolvedSyncOptions,
    private readonly sources: () => readonly SyncSource[],
    private readonly warn: (message: string) => void,
  ) {}

  contextOf({ request, headers, address }: SyncExchange): SyncContext {
    return { request, headers, address };
  }

  /**
   * A browser sends cookies to other sites as well, and the answer to an `EventSource` is not protected by a preflight.
   * @throws Refusal 403
   */
  checkOrigin({ headers }: SyncExchange): void {
    const { origin, cookie, host } = headers;
    if (origin === undefined || cookie === undefined || this.options.allowedOrigins.has(origin)) return;
    if (!URL.canParse(origin) || new URL(origin).host !== host) throw forbidden();
  }

  /** @throws Refusal 400 for what is no id, 404 for an unknown collection */
  find(name: string, idText: string): Target {
    const source = this.exposed().find(({ collection, model }) => name === collection || name === model);
    if (source === undefined) throw notFound();
    const id = castId(source, idText);
    return { source, id, idText: String(id) };
  }

  /** The document of a ref in a body, which has to be written as the server writes it: it is the key of the answer. @throws Refusal 400, 403 */
  findRef(ref: string): Target {
    const slash = ref.indexOf('/');
    if (slash < 1) throw badRequest('docs');
    const source = this.exposed().find(({ collection }) => collection === ref.slice(0, slash));
    if (source === undefined) throw forbidden();
    const idText = ref.slice(slash + 1);
    const id = castId(source, idText);
    if (String(id) !== idText) throw badRequest('docs');
    return { source, id, idText };
  }

  /** `undefined`: not allowed. @throws Refusal 401 */
  async authorize(context: SyncContext, { source, idText }: Target): Promise<Grant | undefined> {
    const decision = await this.decide(context, source, idText);
    if (decision?.allow !== true) return undefined;
    const { until, redact } = decision;
    const redaction = redact === undefined ? noRedaction : this.options.redactions.get(redact);
    if (redaction === undefined) {
      this.warn(`authorizeStream named the redaction "${String(redact)}", which is not among the redactions of EventSourcedSyncModule: refused.`);
      return undefined;
    }
    if (until !== undefined && !(until.getTime() > Date.now())) throw new Refusal(401, { error: 'unauthorized' });
    return { redaction, until };
  }

  private async decide(context: SyncContext, source: SyncSource, id: string): Promise<SyncDecision | undefined> {
    try {
      return await this.options.authorizeStream(context, { collection: source.collection, id, model: source.model });
    } catch (error) {
      const status = statusOf(error);
      if (status === 401) throw new Refusal(401, { error: 'unauthorized' });
      if (status === 403 || status === 404) return undefined;
      this.warn(`authorizeStream failed, the request was refused: ${error instanceof Error ? error.message : String(error)}`);
      throw unavailable();
    }
  }

  private exposed(): readonly SyncSource[] {
    const { models } = this.options;
    return models === undefined ? this.sources() : this.sources().filter(({ model }) => models.includes(model));
  }
}

function castId(source: SyncSource, text: string): DocumentId {
  try {
    return source.castId(text);
  } catch (error) {
    if (error instanceof EventSourcedStorageError && error.code === 'INVALID_ARGUMENT') throw badRequest('id');
    throw error;
  }
}

/** Of Nest's HTTP exceptions, whatever copy of Nest made them. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('getStatus' in error) || typeof error.getStatus !== 'function') return undefined;
  return Number((error as { getStatus(): unknown }).getStatus());
}
