import type { Connection, mongo } from 'mongoose';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { type DocumentQuery, DocumentReader, type DocumentReadOptions } from '../read/document-reader.js';
import { storedId } from './event-key.js';
import { rawCollection } from './raw-collection.js';
import { linearizableTimeMs, readLevel } from './read-level.js';
import { within } from './within.js';

/** Documents of a Mongoose model, read as stored: without casting, defaults or hooks. */
export class MongooseDocumentReader extends DocumentReader {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
  ) {
    super();
  }

  read(id: DocumentId, options: DocumentReadOptions = {}): Promise<Image | null> {
    const found = this.collection().findOne(byId(id), driverOptions(options));
    // the server ends it after its own time; a server that says nothing more is waited for a second longer
    return options.level === 'linearizable' ? within('a linearizable read', linearizableTimeMs + 1_000, found) : found;
  }

  readEach(ids: readonly DocumentId[], options: DocumentReadOptions = {}): Promise<Image[]> {
    const filter = { _id: { $in: ids.map(storedId) } } as object;
    return this.collection()
      .find(filter, { batchSize: ids.length + 1, ...driverOptions(options) })
      .toArray();
  }

  async readMany(query: DocumentQuery, options: DocumentReadOptions = {}): Promise<Image[]> {
    const { filter, sort, skip, limit, projection } = query;
    if (limit !== undefined && limit < 1) return []; // the driver's 0 means "all"
    return this.collection()
      .find(filter, {
        ...driverOptions(options),
        ...(sort === undefined ? {} : { sort }),
        ...(skip === undefined ? {} : { skip }),
        ...(limit === undefined ? {} : { limit }),
        ...(projection === undefined ? {} : { projection }),
      })
      .toArray();
  }

  private collection(): mongo.Collection<Image> {
    return rawCollection<Image>(this.connection, this.collectionName);
  }
}

/** The driver's types expect an ObjectId in every `_id` that they know nothing about. */
function byId(id: DocumentId): mongo.Filter<Image> {
  return { _id: { $eq: storedId(id) } } as object;
}

function driverOptions(options: DocumentReadOptions): mongo.FindOptions & mongo.Abortable {
  return { ...readLevel(options), ...(options.signal === undefined ? {} : { signal: options.signal }) };
}
