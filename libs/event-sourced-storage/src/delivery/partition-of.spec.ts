import { describe, expect, it } from '@jest/globals';
import { partitionOf } from './partition-of.js';

describe('partitionOf', () => {
  it('never changes: progress is kept under it', () => {
    expect(['o:665f1c2e9b1e8a0012345678', 's:raid', 'n:1', 'n:2', 's:'].map((key) => partitionOf(key, 8))).toMatchInlineSnapshot(`
[
  7,
  0,
  6,
  1,
  6,
]
`);
  });

  it('spreads ids that follow each other', () => {
    const counts = Array.from({ length: 8 }, () => 0);
    for (let id = 0; id < 8_000; id++) counts[partitionOf(`o:665f1c2e9b1e8a00${id.toString(16).padStart(8, '0')}`, 8)]! += 1;
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });

  it('stays below the number of parts', () => {
    for (const partitions of [1, 2, 3, 256]) for (let id = 0; id < 100; id++) expect(partitionOf(`n:${id}`, partitions)).toBeLessThan(partitions);
  });
});
