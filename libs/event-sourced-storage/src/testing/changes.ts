import { byteSize, cloneValue, idKey, normalizeImage } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent, EventMetadata } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { computeDiff } from '../write/compute-diff.js';
import type { DocumentChange } from '../write/document-change.js';

/** What a test wants to decide about a change; everything has a default. */
export interface ChangeOptions {
  /** The number the change is based on. @default the version of the image before; for a create `0` */
  readonly expectedVersion?: number;
  /** @default one that was not used before */
  readonly operationId?: string;
  /** @default 'game-server' */
  readonly clientId?: string;
  /** @default one second per number, from 2026 on */
  readonly timestamp?: Date;
  readonly schemaVersion?: number;
  readonly transactionId?: string;
  readonly metadata?: EventMetadata;
}

type EventContent = { readonly operation: 'create'; readonly createdDoc: Image } | { readonly operation: 'update'; readonly before: Image; readonly after: Image } | { readonly operation: 'delete'; readonly deletedDoc: Image };

const epoch = Date.UTC(2026, 0, 1);
let operations = 0;

/** Makes changes as the write path would, without the write path. A chain is made by passing on `after` of one change as `before` of the next. */
export class Changes {
  constructor(private readonly versionField = 'version') {}

  create(documentId: DocumentId, fields: Image, options: ChangeOptions = {}): DocumentChange {
    const expectedVersion = options.expectedVersion ?? 0;
    const after = this.versioned({ _id: documentId, ...fields }, expectedVersion + 1);
    return this.change(documentId, expectedVersion, null, after, { operation: 'create', createdDoc: after }, options);
  }

  /** @param edit changes the copy it is given */
  update(before: Image | null, edit: (draft: Image) => void, options: ChangeOptions = {}): DocumentChange {
    const [image, expectedVersion] = this.based(before, options);
    const draft = cloneValue(image);
    edit(draft);
    const after = this.versioned(draft, expectedVersion + 1);
    return this.change(this.idOf(image), expectedVersion, image, after, { operation: 'update', before: image, after }, options);
  }

  delete(before: Image | null, options: ChangeOptions = {}): DocumentChange {
    const [image, expectedVersion] = this.based(before, options);
    return this.change(this.idOf(image), expectedVersion, image, null, { operation: 'delete', deletedDoc: image }, options);
  }

  private change(documentId: DocumentId, expectedVersion: number, before: Image | null, after: Image | null, content: EventContent, options: ChangeOptions): DocumentChange {
    const event = this.event(documentId, expectedVersion + 1, content, options);
    const bytes = byteSize(event) + (after === null ? 0 : byteSize(after));
    return { documentId, key: idKey(documentId), expectedVersion, event, before, after, bytes };
  }

  private event(documentId: DocumentId, serverSeq: number, content: EventContent, options: ChangeOptions): DocumentEvent<Image> {
    const { operationId = `operation-${++operations}`, clientId = 'game-server', timestamp = new Date(epoch + serverSeq * 1_000), schemaVersion, transactionId, metadata } = options;
    const common = {
      documentId,
      serverSeq,
      clientId,
      timestamp,
      operationId,
      ...(schemaVersion === undefined ? {} : { schemaVersion }),
      ...(transactionId === undefined ? {} : { transactionId }),
      ...(metadata === undefined ? {} : { metadata }),
    };
    if (content.operation !== 'update') return { ...common, ...content };
    const { set, unset } = computeDiff(content.before, content.after, { versionField: this.versionField });
    return { ...common, operation: 'update', diff: { hasChanges: true, version: serverSeq, set, unset } };
  }

  private based(before: Image | null, { expectedVersion }: ChangeOptions): [Image, number] {
    if (before === null) throw new RangeError('there is no document to change');
    return [before, expectedVersion ?? Number(before[this.versionField])];
  }

  private versioned(image: Image, version: number): Image {
    return normalizeImage({ ...image, [this.versionField]: version });
  }

  private idOf(image: Image): DocumentId {
    return image['_id'] as DocumentId; // images of a test come from `create`
  }
}
