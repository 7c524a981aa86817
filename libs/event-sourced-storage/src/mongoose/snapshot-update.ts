import type { Snapshot } from '../model/snapshot.js';

/** How a stored state is to be read. */
export type SnapshotShape = Pick<Snapshot, 'schemaVersion' | 'leftovers'>;

/** Only what there is of it. */
export function shapeOf({ schemaVersion, leftovers }: SnapshotShape): SnapshotShape {
  return { ...(schemaVersion === undefined ? {} : { schemaVersion }), ...(leftovers === undefined ? {} : { leftovers }) };
}

/** Puts other content into a stored snapshot, its shape included: one that says none must not keep that of the content before. */
export function snapshotUpdate<T extends object>(content: T, given: SnapshotShape): { readonly $set: T & SnapshotShape; readonly $unset?: Record<string, ''> } {
  const shape = shapeOf(given);
  const absent = ['schemaVersion', 'leftovers'].filter((name) => !(name in shape));
  return { $set: { ...content, ...shape }, ...(absent.length === 0 ? {} : { $unset: Object.fromEntries(absent.map((name) => [name, ''] as const)) }) };
}
