import type { ModulesContainer, ModuleRef } from '@nestjs/core';
import { UnhandledExceptionBus } from '@nestjs/cqrs';
import { DocumentCreatedEvent, DocumentDeletedEvent, DocumentUpdatedEvent } from '../publish/document.events.js';
import { documentListenersKey, type ListenedKind, type ListenerMark } from './on-document-event.decorator.js';
import { providersOf } from './providers-of.js';
import { refuseProblems, type StorageRoot } from './storage-root.js';

type Published = DocumentCreatedEvent | DocumentUpdatedEvent | DocumentDeletedEvent;

/** What listening needs of an event bus: `@nestjs/cqrs`' is an observable. */
interface ObservableBus {
  subscribe(next: (event: unknown) => void): unknown;
}

/**
 * Subscribes the methods that are marked with `@OnDocument…()`.
 * @throws InvalidOptionsError for a model that is no feature, and when there is no bus
 */
export function listenToDocuments(root: StorageRoot, modules: ModulesContainer, moduleRef: ModuleRef): void {
  const problems: string[] = [];
  const listeners = providersOf(modules).flatMap(({ instance, type }) => marksOf(type).map(({ method, model, kind }) => ({ method, model, kind, instance, where: `${type.name}.${String(method)}` })));
  if (listeners.length === 0) return;
  const models = new Set(root.deliveryFeatures.map(({ model }) => model));
  for (const { instance, model, where } of listeners) {
    if (instance === undefined) problems.push(`${where}: a class that listens to documents must not be request-scoped`);
    if (!models.has(model)) problems.push(`${where}: there is no feature "${model}"; there are: ${[...models].toSorted().join(', ')}`);
  }
  const bus = root.eventBus() as ObservableBus | undefined;
  if (bus === undefined) problems.push('@OnDocument…() listens to the EventBus: import CqrsModule.forRoot(), and do not set publish: "never"');
  refuseProblems(problems);
  const unhandled = busOfUnhandled(moduleRef);
  bus?.subscribe((event) => {
    if (!isPublished(event)) return;
    for (const { instance, method, model, kind, where } of listeners) {
      if (event.model === model && isWanted(event, kind)) void tell(instance as Record<string | symbol, (event: Published) => unknown>, method, event, where);
    }
  });

  async function tell(instance: Record<string | symbol, (event: Published) => unknown>, method: string | symbol, event: Published, where: string): Promise<void> {
    try {
      await instance[method]?.(event);
    } catch (error) {
      root.logger.warn(`${event.model}/${String(event.documentId)}@${event.serverSeq}: ${where} failed: ${error instanceof Error ? error.message : String(error)}`);
      unhandled?.publish({ cause: event, exception: error });
    }
  }
}

/** Marks of the class and of those it extends. */
function marksOf(type: object): ListenerMark[] {
  const marks: ListenerMark[] = [];
  for (let each: unknown = type; typeof each === 'function' && each !== Function.prototype; each = Object.getPrototypeOf(each)) {
    marks.push(...((Reflect.getOwnMetadata(documentListenersKey, each) ?? []) as readonly ListenerMark[]));
  }
  return marks;
}

function isPublished(event: unknown): event is Published {
  return event instanceof DocumentCreatedEvent || event instanceof DocumentUpdatedEvent || event instanceof DocumentDeletedEvent;
}

function isWanted(event: Published, kind: ListenedKind): boolean {
  switch (kind) {
    case 'created':
      return event instanceof DocumentCreatedEvent;
    case 'updated':
      return event instanceof DocumentUpdatedEvent;
    case 'deleted':
      return event instanceof DocumentDeletedEvent;
    case 'any':
      return true;
  }
}

function busOfUnhandled(moduleRef: ModuleRef): { publish(info: unknown): unknown } | undefined {
  try {
    return moduleRef.get<{ publish(info: unknown): unknown }>(UnhandledExceptionBus, { strict: false });
  } catch {
    return undefined;
  }
}
