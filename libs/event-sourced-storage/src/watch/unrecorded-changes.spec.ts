import { expect, it } from '@jest/globals';
import { UnrecordedChanges } from './unrecorded-changes.js';

it('of more documents than can be looked at one by one, every copy is forgotten all the same', async () => {
  const forgotten = new Set<unknown>();
  const warnings: string[] = [];
  let letGo = (): void => undefined;
  const held = new Promise<boolean>((resolve) => (letGo = () => resolve(false)));
  const changes = new UnrecordedChanges({
    mode: 'warn',
    address: String,
    distrust: (id) => {
      forgotten.add(id);
      return Promise.resolve();
    },
    differs: () => held,
    record: () => Promise.resolve(undefined),
    isUnavailable: () => false,
    warn: (message) => warnings.push(message),
  });
  const hear = (documentId: string): void => changes.hear({ documentId, operation: 'update' });
  for (let index = 0; index <= 10_000; index++) hear(`game${index}`);
  expect(forgotten.size).toBe(10_001); // at once, though most of them still wait to be looked at
  hear('one too many');
  hear('and another');
  expect(forgotten.size).toBe(10_003);
  expect(warnings).toEqual([expect.stringContaining('one too many and more were changed around the storage')]);
  const closed = changes.close();
  letGo();
  await closed;
});
