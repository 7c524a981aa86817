import { type Command, Option } from 'commander';
import { formatReport, type RebuildOptions } from '../index.js';
import { exitCodes } from './exit-codes.js';
import { count } from './output.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';

interface Options {
  readonly prefer: 'history' | 'document';
  readonly clientId?: string;
  readonly dryRun?: boolean;
}

export function addRebuild(program: Command, session: Session): void {
  program
    .command('rebuild <id>')
    .description('repairs what verify calls repairable')
    .addOption(new Option('--prefer <side>', 'who is right where they differ').choices(['history', 'document']).default('history'))
    .option('--client-id <id>', 'who asks for it: needed with --prefer document')
    .option('--dry-run', 'only says what is wrong; ends with 1 when something is')
    .action(async (id: string, { prefer, clientId, dryRun }: Options, command: Command) => {
      if (prefer === 'document' && clientId === undefined) throw new Refusal('With --prefer document, say who asks for it: --client-id.', exitCodes.usage);
      const output = session.output(command);
      await session.withStorage(command, { shapes: 'written' }, async ({ storage, name }) => {
        if (dryRun === true) {
          const report = await storage.verify(id);
          if (!report.ok) session.exitCode = exitCodes.problems;
          return output.result(report, () => formatReport(report));
        }
        const options: RebuildOptions = { prefer, ...(clientId === undefined ? {} : { clientId }) };
        const result = await storage.rebuild(id, options);
        return output.result(result, () => [...result.repaired.map(({ kind, message }) => `repaired: ${kind}: ${message}`), `${name}/${id}@${result.version}: ${result.changed ? `${count(result.repaired.length, 'problem')} repaired` : 'nothing was wrong'}`].join('\n'));
      });
    });
}
