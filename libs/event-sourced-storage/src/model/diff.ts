/** A plain, BSON-shaped document: what the driver returns for a stored document. Public as `DocumentImage`. */
export type Image = Record<string, unknown>;

/**
 * What an update changed, as absolute values, so that it can be replayed any number of times: `set` maps dotted paths to values,
 * `unset` lists dotted paths that went away. Never a path and one below it; never `_id` or the version field.
 */
export interface DiffPaths {
  /** The new value by dotted path. Empty: nothing was set. */
  readonly set: Readonly<Record<string, unknown>>;
  /** The dotted paths that went away. Empty: none did. */
  readonly unset: readonly string[];
}

/** A {@link DiffPaths} with the number it leads to. */
export interface Diff extends DiffPaths {
  /** `false`: the edit changed nothing; nothing was written and nothing recorded. */
  readonly hasChanges: boolean;
  /** The document's version after the change; its current version when `hasChanges` is `false`. */
  readonly version: number;
}
