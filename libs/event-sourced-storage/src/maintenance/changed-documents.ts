import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';

/** Documents of which a change was told and that nobody has looked at since, each once, in the order of the first notice. Bounded. */
export class ChangedDocuments {
  private readonly ids = new Map<string, DocumentId>();

  constructor(private readonly most: number) {}

  get size(): number {
    return this.ids.size;
  }

  /** `false` when there is no room for it: whoever goes through all documents will find it. */
  add(id: DocumentId): boolean {
    const key = idKey(id);
    if (this.ids.has(key)) return true;
    if (this.ids.size >= this.most) return false;
    this.ids.set(key, id);
    return true;
  }

  /** Takes out the first `most`. */
  take(most: number): DocumentId[] {
    const taken = [...this.ids].slice(0, most);
    for (const [key] of taken) this.ids.delete(key);
    return taken.map(([, id]) => id);
  }
}
