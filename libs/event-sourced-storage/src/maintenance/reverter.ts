import { DocumentNotFoundError } from '../errors/document-not-found.error.js';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { OperationIdReusedError } from '../errors/operation-id-reused.error.js';
import { VersionConflictError } from '../errors/version-conflict.error.js';
import { cloneValue, sameValue } from '../model/bson-values.js';
import type { Diff, Image } from '../model/diff.js';
import type { DocumentEvent, Operation } from '../model/document-event.js';
import type { DocumentReader, TransactionSession } from '../read/document-reader.js';
import type { DocumentState } from '../read/document-state.js';
import { loadState, type StateSources } from '../write/load-state.js';
import { sessionTurn, type TransactionScopes } from '../write/transaction-scopes.js';
import type { Decision, WriteRequest } from '../write/write-command.js';
import type { UpdateOptions } from '../write/write-options.js';
import type { WriteTools } from '../write/write-tools.js';
import { decideRecreate, decideRevert, type RevertPlan, type RevertResult, wantedState } from './decide-revert.js';
import { diffStates } from './diff-states.js';

/** What `revert` goes back to. */
export interface RevertPoint {
  /** The version whose state comes back. */
  readonly toVersion: number;
  /** Only these dotted paths come back; a path that was not there then goes away. Default: the whole document. An empty list is refused. */
  readonly fields?: readonly string[];
}

/** Options of `revert`. */
export interface RevertOptions extends UpdateOptions {
  /** Write nothing, and tell what would be written. Default `false`. */
  readonly dryRun?: boolean;
}

/** What a `revert` with `dryRun` answers. */
export interface RevertPreview {
  /** What would change, as the fields would be stored but for timestamps of the schema. */
  readonly diff: Diff;
  /** Why the present schema refuses it, by path; empty: it does not. */
  readonly problems: Readonly<Record<string, string>>;
}

/** A command that the write path can run. */
export interface RevertCommand {
  readonly request: WriteRequest;
  readonly isNewId: false;
  readonly operation: Operation;
  decide(base: DocumentState, call: number, tools: WriteTools): Promise<Decision<RevertResult<Image>>>;
  firstResult(event: DocumentEvent<Image>): Promise<RevertResult<Image>>;
}

/** What reverting works with. */
export interface ReverterParts {
  readonly tools: WriteTools;
  readonly reader: DocumentReader;
  readonly scopes: TransactionScopes;
  readonly sources: StateSources;
}

/** How often the document may come and go before it is left to its caller. */
const mostLooks = 5;

/** Gives a document the state of an old version, as the next event: history is never rewritten. */
export class Reverter {
  constructor(private readonly parts: ReverterParts) {}

  async revert(
    request: WriteRequest,
    point: RevertPoint,
    options: RevertOptions,
    write: (command: RevertCommand) => Promise<RevertResult<Image>>,
  ): Promise<RevertResult<Image>> {
    const plan = await this.plan(request, point);
    const expected = options.expectedVersion ?? 'any';
    const recorded = request.mayBeRepeated ? await this.recorded(request, options.session) : undefined;
    for (let look = 1; ; look++) {
      const operation = recorded ?? ((await this.exists(request, options.session)) ? 'update' : 'create');
      try {
        return await write(this.command(request, plan, operation, expected));
      } catch (error) {
        // created or deleted since the look
        if (!isOvertaken(error, operation, expected) || look === mostLooks || options.session !== undefined) throw error;
      }
    }
  }

  async preview(request: WriteRequest, point: RevertPoint, options: RevertOptions): Promise<RevertPreview> {
    const { tools, sources } = this.parts;
    const plan = await this.plan(request, point);
    const expected = options.expectedVersion ?? 'any';
    const base = await loadState(sources, request, options.session);
    const decide = base.image === null ? decideRecreate : decideRevert;
    try {
      const decision = await decide(request, plan, expected, base, tools);
      const answer = decision.answer();
      return { diff: answer.diff, problems: {} };
    } catch (error) {
      if (!(error instanceof DocumentValidationError)) throw error;
      return { diff: cloneValue(wantedState(plan, base, tools.options.versionField).diff), problems: error.problems };
    }
  }

  /** @throws InvalidArgumentError for a version at which there was no document */
  private async plan(request: WriteRequest, { toVersion, fields }: RevertPoint): Promise<RevertPlan> {
    const target = toVersion === 0 ? null : await this.parts.tools.history.stateAt(request.documentId, toVersion);
    if (target === null) throw new InvalidArgumentError('toVersion', `the document did not exist at version ${toVersion}; use deleteOne() to delete it`);
    return { toVersion, target, fields };
  }

  private command(request: WriteRequest, plan: RevertPlan, operation: Operation, expected: number | 'any'): RevertCommand {
    const decide = operation === 'create' ? decideRecreate : decideRevert;
    return {
      request,
      isNewId: false,
      operation,
      decide: (base, _call, tools) => decide(request, plan, expected, base, tools),
      firstResult: (event) => this.firstResult(request, plan, event),
    };
  }

  private async firstResult(request: WriteRequest, { toVersion }: RevertPlan, event: DocumentEvent<Image>): Promise<RevertResult<Image>> {
    if (!sameValue(event.metadata?.['revertOf'], { version: toVersion })) throw new OperationIdReusedError(request.address, request.operationId, event.operation, 'update');
    const { versionField } = this.parts.tools.options;
    const { serverSeq } = event;
    if (event.operation === 'update') {
      return { document: (await this.parts.tools.history.stateAt(request.documentId, serverSeq)) as Image, diff: event.diff, recreated: false };
    }
    const document = cloneValue(event.operation === 'create' ? event.createdDoc : event.deletedDoc);
    const { hasChanges, version, set, unset } = diffStates(null, document, { from: serverSeq - 1, to: serverSeq, versionField });
    return { document, diff: { hasChanges, version, set, unset }, recreated: true };
  }

  private async recorded(request: WriteRequest, session: TransactionSession | undefined): Promise<Operation | undefined> {
    const { events } = this.parts.tools;
    const how = session === undefined ? ({ level: 'newest' } as const) : { session };
    const event = await this.inSession(session, () => events.findOperation(request.documentId, request.operationId, how));
    return event?.operation;
  }

  private async exists(request: WriteRequest, session: TransactionSession | undefined): Promise<boolean> {
    const how = session === undefined ? ({ level: 'newest' } as const) : { session };
    return (await this.inSession(session, () => this.parts.reader.read(request.documentId, how))) !== null;
  }

  private inSession<R>(session: TransactionSession | undefined, work: () => Promise<R>): Promise<R> {
    return session === undefined ? work() : this.parts.scopes.of(session).inTurn(sessionTurn, work);
  }
}

function isOvertaken(error: unknown, operation: Operation, expected: number | 'any'): boolean {
  if (expected !== 'any') return false;
  return operation === 'create' ? error instanceof VersionConflictError && error.expected === 'no-document' : error instanceof DocumentNotFoundError;
}
