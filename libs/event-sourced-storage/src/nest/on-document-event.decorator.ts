import { type DocumentCreatedEvent, type DocumentDeletedEvent, type DocumentUpdatedEvent } from '../publish/document.events.js';

/** Where the subscriptions of a class are kept. */
export const documentListenersKey = 'EventSourcedStorage document listeners';

/** Which published events a method gets. */
export type ListenedKind = 'created' | 'updated' | 'deleted' | 'any';

/** One method that listens. */
export interface ListenerMark {
  readonly method: string | symbol;
  readonly model: string;
  readonly kind: ListenedKind;
}

/** Any published change of one document; tell them apart with `instanceof`. */
export type AnyDocumentEvent<T> = DocumentCreatedEvent<T> | DocumentUpdatedEvent<T> | DocumentDeletedEvent<T>;

/** A decorator for methods that take such an event, or nothing. */
export type DocumentListener<E> = <M extends (event: E) => unknown>(target: object, method: string | symbol, descriptor: TypedPropertyDescriptor<M>) => void;

/** A class whose name is the model's, or the name alone. */
type ModelOf<T> = string | (abstract new (...args: never[]) => T);

/**
 * Calls a method of a provider with every `DocumentCreatedEvent` of one model that is published in this process: after the commit, at most
 * once. What the method throws is logged and reaches neither the writer nor other listeners.
 * @param model the model's class, which also types the event, or its name
 */
export function OnDocumentCreated<T>(model: ModelOf<T>): DocumentListener<DocumentCreatedEvent<T>> {
  return mark(model, 'created');
}

/** The same for `DocumentUpdatedEvent`. */
export function OnDocumentUpdated<T>(model: ModelOf<T>): DocumentListener<DocumentUpdatedEvent<T>> {
  return mark(model, 'updated');
}

/** The same for `DocumentDeletedEvent`. */
export function OnDocumentDeleted<T>(model: ModelOf<T>): DocumentListener<DocumentDeletedEvent<T>> {
  return mark(model, 'deleted');
}

/** The same for all three. */
export function OnDocumentEvent<T>(model: ModelOf<T>): DocumentListener<AnyDocumentEvent<T>> {
  return mark(model, 'any');
}

function mark<E>(model: ModelOf<unknown>, kind: ListenedKind): DocumentListener<E> {
  return (target, method) => {
    const type = target.constructor;
    const marks = (Reflect.getOwnMetadata(documentListenersKey, type) ?? []) as readonly ListenerMark[];
    Reflect.defineMetadata(documentListenersKey, [...marks, { method, model: typeof model === 'string' ? model : model.name, kind }], type);
  };
}
