/**
 * The part that a document belongs to, from `0` to below `partitions`: FNV-1a over the id as text. It decides where progress is kept, so it
 * must never change.
 * @param key `idKey()` of the document
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16; // the low bits of FNV alone are weak for short texts
  hash = Math.imul(hash, 0x45d9f3b);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}
