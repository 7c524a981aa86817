import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const read = (name: string): string => readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), 'utf8');
const table = read('README.md')
  .split('\n')
  .flatMap((line) => {
    const [, row, file, tests] = /^\| (\d+) \| (\S+) \| (.*) \|$/.exec(line) ?? [];
    return row === undefined ? [] : [{ row: Number(row), file: file ?? '', tests: tests ?? '' }];
  });

/** Names may contain quotes of their own, so they are cut where the next one begins. */
function namesIn(tests: string): string[] {
  return tests.split(' · ').map((text) => /^"(.*)"/.exec(text)?.[1] ?? text);
}

describe('the table of behaviours in test/README.md', () => {
  it('has all sixty rows, in order', () => {
    expect(table.map(({ row }) => row)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it.each(table.filter(({ file }) => file !== '*open*'))('names tests that exist: row $row', ({ row, file, tests }) => {
    // in the source, quotes inside a name may be escaped
    const source = read(file.replaceAll('`', '')).replaceAll("\\'", "'");
    for (const name of namesIn(tests)) expect(source).toContain(file.includes('behaviours') ? `row ${row}: ${name}` : name);
  });

  it('says of every open row who owes it', () => {
    for (const { file, tests } of table) if (file === '*open*') expect(tests).toMatch(/^issue \*\w+\*/);
  });
});
