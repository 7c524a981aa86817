/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { type DocumentQuery, DocumentReader, type DocumentReadOptions } from '../read/document-reader.js';
import type { MemoryDatabase } from './memory-database.js';
import { visibleTo } from './memory-session.js';
import { runQuery } from './run-query.js';

/** Reads from a {@link MemoryDatabase}, where all levels are one. */
export class MemoryDocumentReader extends DocumentReader {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async read(id: DocumentId, options: DocumentReadOptions = {}): Promise<Image | null> {
    options.signal?.throwIfAborted();
    return visibleTo(options.session, this.database).document(idKey(id));
  }

  override async readEach(ids: readonly DocumentId[], options: DocumentReadOptions = {}): Promise<Image[]> {
    const found = await Promise.all(ids.map((id) => this.read(id, options)));
    return found.filter((image) => image !== null);
  }

  /** Understands the operators of {@link runQuery}. @throws InvalidArgumentError for others */
  override async readMany(query: DocumentQuery, options: DocumentReadOptions = {}): Promise<Image[]> {
    options.signal?.throwIfAborted();
    return runQuery(visibleTo(options.session, this.database).documents(), query);
  }
}
