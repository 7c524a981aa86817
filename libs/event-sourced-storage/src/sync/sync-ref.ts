/** Which document: `collection/id`, the id as a text. */
export interface SyncRef {
  /** The collection, whatever name the request used. */
  readonly collection: string;
  /** The id in its canonical text. */
  readonly id: string;
  /** The name of the Mongoose model. */
  readonly model: string;
}

/** The ref in frames and in bodies. */
export function refText({ collection, id }: Pick<SyncRef, 'collection' | 'id'>): string {
  return `${collection}/${id}`;
}

/** The ref in addresses. */
export function refPath({ collection, id }: Pick<SyncRef, 'collection' | 'id'>): string {
  return `${encodeURIComponent(collection)}/${encodeURIComponent(id)}`;
}
