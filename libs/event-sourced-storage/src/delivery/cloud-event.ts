import type { DocumentEvent, Operation } from '../model/document-event.js';

/** A document event in the JSON format of CloudEvents 1.0, with the extensions *partitioning* and *sequence*. */
export interface CloudEvent {
  /** The version of CloudEvents. */
  readonly specversion: '1.0';
  /** `subject@serverSeq`: together with `source` the same at every delivery, and of no other event. */
  readonly id: string;
  /** Where it comes from: a URI reference. */
  readonly source: string;
  /** What happened: `prefix.created`, `prefix.updated` or `prefix.deleted`. */
  readonly type: string;
  /** The id of the document, as a text. */
  readonly subject: string;
  /** When it was recorded, ISO 8601. Order is by `sequence`: clocks of processes differ. */
  readonly time: string;
  /** Absent when there is no `data`. */
  readonly datacontenttype?: 'application/json';
  /** The same as `subject`: what keeps the events of one document together, for whoever forwards them. */
  readonly partitionkey: string;
  /** The `serverSeq` with leading zeros, 16 digits, so that texts have the order of the numbers: 1, 2, 3 … per document. */
  readonly sequence: string;
  /** What `data` of the relay made of the event. */
  readonly data?: unknown;
}

/** What the events of one relay have in common. */
export interface CloudEventForm {
  readonly source: string;
  readonly typePrefix: string;
  /** The content as JSON values; `undefined`: none. */
  readonly data: (event: DocumentEvent) => unknown;
}

const happened: Readonly<Record<Operation, string>> = { create: 'created', update: 'updated', delete: 'deleted' };
/** The largest `serverSeq` that a number can hold has so many digits. */
const sequenceDigits = 16;

/** The CloudEvent of a document event: the same one whenever it is asked for. */
export function cloudEventOf(event: DocumentEvent, { source, typePrefix, data }: CloudEventForm): CloudEvent {
  const subject = String(event.documentId);
  const content = data(event);
  return {
    specversion: '1.0',
    id: `${subject}@${event.serverSeq}`,
    source,
    type: `${typePrefix}.${happened[event.operation]}`,
    subject,
    time: event.timestamp.toISOString(),
    ...(content === undefined ? {} : { datacontenttype: 'application/json' as const }),
    partitionkey: subject,
    sequence: String(event.serverSeq).padStart(sequenceDigits, '0'),
    ...(content === undefined ? {} : { data: content }),
  };
}
