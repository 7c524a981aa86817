import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { type DocumentQuery, DocumentReader, type DocumentReadOptions } from './document-reader.js';

/** So many documents are read by one command; a document may be large. */
const mostInOneRead = 100;

type Level = NonNullable<DocumentReadOptions['level']>;

/** Who waits for one document. */
interface Asked {
  readonly id: DocumentId;
  readonly key: string;
  readonly found: (image: Image | null | Promise<Image | null>) => void;
}

/**
 * Reads by one command what is asked for in the same turn of the event loop: a command of its own for each document costs many times what
 * the document does. Reads in a transaction, with a signal or with `'linearizable'` go alone. Who asks for the same document shares its image.
 */
export class GatheredReads extends DocumentReader {
  private readonly asked = new Map<Level, Asked[]>();

  constructor(private readonly reader: DocumentReader) {
    super();
  }

  override read(id: DocumentId, options: DocumentReadOptions = {}): Promise<Image | null> {
    const { session, signal, level = 'majority' } = options;
    if (session !== undefined || signal !== undefined || level === 'linearizable') return this.reader.read(id, options);
    return new Promise((found) => this.ask(level, { id, key: idKey(id), found }));
  }

  override readEach(ids: readonly DocumentId[], options?: DocumentReadOptions): Promise<Image[]> {
    return this.reader.readEach(ids, options);
  }

  override readMany(query: DocumentQuery, options?: DocumentReadOptions): Promise<Image[]> {
    return this.reader.readMany(query, options);
  }

  private ask(level: Level, asked: Asked): void {
    if (this.asked.size === 0) setImmediate(() => this.readAll());
    const others = this.asked.get(level);
    if (others === undefined) this.asked.set(level, [asked]);
    else others.push(asked);
  }

  private readAll(): void {
    const all = [...this.asked];
    this.asked.clear();
    for (const [level, asked] of all) {
      for (let from = 0; from < asked.length; from += mostInOneRead) void this.readSome(asked.slice(from, from + mostInOneRead), { level });
    }
  }

  private async readSome(asked: readonly Asked[], options: { readonly level: Level }): Promise<void> {
    const images = asked.length === 1 ? undefined : await this.byKey(asked, options);
    for (const { id, key, found } of asked) {
      const isKnown = images !== undefined && (images.has(key) || !hasSpellings(key));
      found(isKnown ? (images.get(key) ?? null) : this.alone(id, options));
    }
  }

  private async alone(id: DocumentId, options: DocumentReadOptions): Promise<Image | null> {
    return this.reader.read(id, options);
  }

  /** `undefined`: the command failed. It may be due to one of them: each is to be read by itself. */
  private async byKey(asked: readonly Asked[], options: DocumentReadOptions): Promise<Map<string, Image> | undefined> {
    const ids = new Map(asked.map(({ id, key }) => [key, id]));
    try {
      const images = await this.reader.readEach([...ids.values()], options);
      return new Map(images.map((image) => [idKey(image['_id'] as DocumentId), image]));
    } catch {
      return undefined;
    }
  }
}

/** Numbers of different types may be one id to the server and not by their text. */
function hasSpellings(key: string): boolean {
  return key.startsWith('n:');
}
