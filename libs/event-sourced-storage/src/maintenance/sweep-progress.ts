import type { DocumentId } from '../model/document-id.js';

/** How far the way through all documents has got. */
export interface SweepPosition {
  /** The last document looked at; absent at the beginning. */
  readonly after?: DocumentId;
  /** How often the end was reached. */
  readonly sweeps: number;
}

/** PORT. Keeps positions for whoever goes on. */
export abstract class SweepProgress {
  /** The last position saved; the beginning when there is none. */
  abstract load(name: string): Promise<SweepPosition>;

  /** Saves it, unless a holder of a later term has saved one: then `false`. */
  abstract save(name: string, position: SweepPosition, term: number): Promise<boolean>;
}
