import type { CatchUpSnapshot } from '../history/cursor.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { type JsonPatchOperation, toJsonPatch } from '../model/to-json-patch.js';
import type { Redaction } from './redaction.js';
import { toWire, type WireTypes } from './wire-value.js';

/** How one client wants its events, and what it must not see. All with the same form share their frames. */
export interface WireForm {
  readonly redaction: Redaction;
  readonly types: WireTypes;
  /** `'rfc6902'`: `ops`, a JSON Patch, in place of `set` and `unset`. */
  readonly format: 'diff' | 'rfc6902';
}

/** What tells forms apart. */
export function formKey({ redaction, types, format }: WireForm): string {
  return `${types}/${format}/${redaction.name}`;
}

/** What the wire needs to know of a feature. */
export interface WireFacts {
  readonly ref: string;
  readonly versionField: string;
  /** The metadata key that names the user behind a change. */
  readonly authorKey: string;
}

/** The data of an `ev` frame: the one JSON form of an event, everywhere. `deletedDoc` is never part of it. */
export function wireEvent(event: DocumentEvent<Image>, form: WireForm, facts: WireFacts): Record<string, unknown> {
  const { redaction } = form;
  const author = redaction.hidesAuthor ? undefined : event.metadata?.[facts.authorKey];
  return {
    ref: facts.ref,
    v: event.serverSeq,
    op: event.operation,
    ...content(event, form, facts),
    at: event.timestamp.toISOString(),
    ...(redaction.hidesClientId ? {} : { c: event.clientId }),
    ...(author === undefined ? {} : { by: toWire(author, 'plain') }),
    ...(redaction.hidesOperationId ? {} : { cmd: event.operationId }),
    ...(event.transactionId === undefined ? {} : { tx: event.transactionId }),
  };
}

function content(event: DocumentEvent<Image>, form: WireForm, facts: WireFacts): Record<string, unknown> {
  switch (event.operation) {
    case 'create':
      return { doc: wireDocument(event.createdDoc, form, facts) };
    case 'update':
      return wireDiff(event.diff, form);
    case 'delete':
      return {};
  }
}

/** Nothing visible changed: still an event, or the numbers would have a hole. */
function wireDiff(diff: { readonly set: Readonly<Record<string, unknown>>; readonly unset: readonly string[] }, form: WireForm): Record<string, unknown> {
  const { set, unset } = form.redaction.diff(diff);
  if (form.format === 'rfc6902') return { ops: toJsonPatch({ set, unset }).map((operation) => wireOperation(operation, form)) };
  return {
    ...(Object.keys(set).length === 0 ? {} : { set: toWire(set, form.types) }),
    ...(unset.length === 0 ? {} : { unset }),
  };
}

function wireOperation(operation: JsonPatchOperation, { types }: WireForm): object {
  return 'value' in operation ? { op: operation.op, path: operation.path, value: toWire(operation.value, types) } : operation;
}

/** A document without its version field: diffs never contain it, `v` carries it, and a copy in the replica would go stale. */
export function wireDocument(image: Image, form: WireForm, { versionField }: Pick<WireFacts, 'versionField'>): unknown {
  const { [versionField]: _version, ...rest } = image;
  return toWire(form.redaction.value(rest), form.types);
}

/** A state and where it stands. */
export interface WireSnapshot {
  readonly ref: string;
  readonly v: number;
  readonly epoch: string;
  readonly doc: unknown;
  readonly deleted: boolean;
  /** When it was read, ISO. */
  readonly at: string;
}

/** The data of a `snapshot` frame. */
export function wireSnapshot(snapshot: CatchUpSnapshot<Image>, epoch: string, at: Date, form: WireForm, facts: WireFacts): WireSnapshot {
  return {
    ref: facts.ref,
    v: snapshot.serverSeq,
    epoch,
    doc: snapshot.state === null ? null : wireDocument(snapshot.state, form, facts),
    deleted: snapshot.state === null,
    at: at.toISOString(),
  };
}
