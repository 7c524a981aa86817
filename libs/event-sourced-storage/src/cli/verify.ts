import type { Command } from 'commander';
import { formatReport } from '../index.js';
import { exitCodes } from './exit-codes.js';
import { oneOrAll } from './one-or-all.js';
import { count } from './output.js';
import { date, fraction } from './parse.js';
import type { Session } from './session.js';

export function addVerify(program: Command, session: Session): void {
  program
    .command('verify [id]')
    .description('whether documents, events and snapshots fit together; ends with 1 when not')
    .option('--all', 'every document')
    .option('--sample <part>', 'only this part of all, by chance: above 0, up to 1', fraction)
    .option('--since <date>', 'only documents that changed at or after', date)
    .action(async (id: string | undefined, options: { readonly all?: boolean; readonly sample?: number; readonly since?: Date }, command: Command) => {
      oneOrAll(id, options.all);
      const output = session.output(command);
      const { sample, since } = options;
      await session.withStorage(command, {}, async ({ storage, countDocuments }) => {
        const report = id === undefined ? await all() : await storage.verify(id);
        if (!report.ok) session.exitCode = exitCodes.problems;
        if ('head' in report && report.head === 0 && report.ok) session.notFound(id ?? '');
        await output.result(report, () => formatReport(report));

        async function all(): Promise<Awaited<ReturnType<typeof storage.verifyAll>>> {
          const total = await countDocuments();
          const progress = session.progress('verify', total === undefined ? undefined : Math.ceil(total * (sample ?? 1)));
          try {
            return await storage.verifyAll({
              ...(sample === undefined ? {} : { sample }),
              ...(since === undefined ? {} : { since }),
              signal: session.signal,
              onProgress: ({ checkedDocuments, problems }) => progress.update(checkedDocuments, problems === 0 ? '' : count(problems, 'problem')),
            });
          } finally {
            progress.stop();
          }
        }
      });
    });
}
