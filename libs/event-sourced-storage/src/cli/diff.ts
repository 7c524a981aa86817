import { type Command, Option } from 'commander';
import { type StateDiff, toJsonPatch, toMergePatch } from '../index.js';
import { brief, json } from './output.js';
import { integer } from './parse.js';
import type { Session } from './session.js';

type Format = 'set' | 'json-patch' | 'merge-patch';

export function addDiff(program: Command, session: Session): void {
  program
    .command('diff <id> <a> <b>')
    .description('how the state at version b differs from the state at version a; 0 is before the first event')
    .addOption(new Option('--format <format>', 'paths with values, RFC 6902 or RFC 7396').choices(['set', 'json-patch', 'merge-patch']).default('set'))
    .action(async (id: string, a: string, b: string, { format }: { readonly format: Format }, command: Command) => {
      const output = session.output(command);
      const [from, to] = [integer(a), integer(b)];
      await session.withStorage(command, { shapes: 'shown' }, async ({ storage }) => {
        const diff = await storage.diffBetween(id, from, to);
        if (format === 'set') return output.result(diff, () => forPeople(diff));
        const before = (from === 0 ? null : await storage.stateAt(id, { version: from })) ?? {};
        const patch = format === 'json-patch' ? toJsonPatch(diff, before) : toMergePatch(diff, before);
        return output.result(patch, () => json(patch, 2));
      });
    });
}

function forPeople({ from, version, change, set, unset }: StateDiff): string {
  const lines = [...Object.entries(set).map(([path, value]) => `+ ${path} = ${brief(value, 200)}`), ...unset.map((path) => `- ${path}`)];
  return [`@${from} to @${version}: ${change}`, ...lines].join('\n');
}
