import { DocumentLockedError } from '../errors/document-locked.error.js';
import { IndeterminateOutcomeError } from '../errors/indeterminate-outcome.error.js';
import { OperationIdReusedError } from '../errors/operation-id-reused.error.js';
import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import { VersionConflictError } from '../errors/version-conflict.error.js';
import type { EventStore } from '../history/event-store.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { DocumentReader } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import { missedEvents } from './check-expected-version.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import type { WriteTask } from './write-task.js';

/** What endings are told with. */
export interface EndingParts {
  readonly options: ResolvedFeatureOptions;
  readonly reader: DocumentReader;
  readonly events: EventStore;
}

/** How a write ends that was not simply committed: which attempts may be repeated, and what the caller is told when none is left. */
export class TaskEndings {
  constructor(private readonly parts: EndingParts) {}

  /** Settles a task whose change was not committed, unless it may be decided anew. */
  mayTryAgain(task: WriteTask, change: DocumentChange, outcome: CommitOutcome): boolean {
    const { address, documentId, operationId } = task.command.request;
    switch (outcome.kind) {
      case 'committed': // cannot be: a document's changes are committed together
      case 'unknown':
        task.reject(new IndeterminateOutcomeError(address, documentId, operationId, outcome.kind === 'unknown' ? { cause: outcome.error } : undefined));
        return false;
      case 'rejected':
        task.reject(outcome.error);
        return false;
      case 'repeated':
        void this.answerFirstResult(task);
        return false;
      case 'grounded':
        return this.hasTime(task);
      case 'conflict':
        return this.lostRace(task, change, outcome.pending);
      case 'unavailable':
        task.failures++;
        task.obstacle = { kind: 'unavailable', error: outcome.error };
        if (task.failures <= task.limits.maxRetries) return this.hasTime(task);
        this.refuseFor(task, 'timeout', `after ${task.failures} attempts`);
        return false;
    }
  }

  /** Refuses a task whose time ran out while its flight was in the air. */
  private hasTime(task: WriteTask): boolean {
    if (task.overdue === undefined) return true;
    this.refuseFor(task, task.overdue, `after ${Math.round(performance.now() - task.startedAt)} ms`);
    return false;
  }

  private lostRace(task: WriteTask, change: DocumentChange, pending: boolean): boolean {
    task.failures++;
    task.obstacle = pending ? { kind: 'locked' } : undefined;
    // a foreign transaction ends by itself some day: worth the caller's whole time
    if (pending ? task.limits.maxRetries > 0 : task.failures <= task.limits.maxRetries) return this.hasTime(task);
    if (pending) this.refuseFor(task, 'timeout', 'at the only attempt');
    else void this.refuseForConflict(task, change);
    return false;
  }

  private async refuseForConflict(task: WriteTask, change: DocumentChange): Promise<void> {
    const { address, documentId } = task.command.request;
    const found = await this.parts.reader.read(documentId, { level: 'newest' }).catch(() => null);
    task.reject(
      new VersionConflictError({
        address,
        expected: change.before === null ? 'no-document' : change.expectedVersion,
        found: found === null ? null : versionOf(found, this.parts.options.versionField),
        attempts: task.failures,
        missedEvents: await missedEvents(this.parts.events, documentId, change.expectedVersion),
      }),
    );
  }

  /** Answers a repetition with what the first one did. */
  async answerFirstResult(task: WriteTask): Promise<void> {
    const { documentId, operationId, address } = task.command.request;
    try {
      const event = await this.parts.events.findOperation(documentId, operationId, { level: 'newest' });
      if (event === null) task.reject(new IndeterminateOutcomeError(address, documentId, operationId));
      else if (event.operation !== task.command.operation) task.reject(new OperationIdReusedError(address, operationId, event.operation, task.command.operation));
      else task.resolve(await task.command.firstResult(event));
    } catch (error) {
      task.reject(error);
    }
  }

  /** Refuses a task whose time is over, with the reason why it took so long. */
  refuseFor(task: WriteTask, reason: 'timeout' | 'aborted', detail: string): void {
    const { address } = task.command.request;
    const { obstacle } = task;
    if (reason === 'timeout' && obstacle?.kind === 'locked') {
      task.reject(new DocumentLockedError(address, Math.round(performance.now() - task.startedAt), task.failures));
      return;
    }
    const cause: unknown = obstacle?.kind === 'unavailable' ? obstacle.error : task.limits.signal?.reason;
    const story = obstacle?.kind === 'unavailable' ? `${detail} (${obstacle.error.message})` : detail;
    task.reject(new OperationTimeoutError(address, reason, story, cause === undefined ? undefined : { cause }));
  }
}
