import type { Command } from 'commander';
import { exitCodes } from './exit-codes.js';
import { brief, count } from './output.js';
import type { Session } from './session.js';

export function addAdopt(program: Command, session: Session): void {
  program
    .command('adopt')
    .description('gives every document without history its first event; can be ended and run again')
    .requiredOption('--client-id <id>', 'who asks for it: recorded with every event')
    .action(async ({ clientId }: { readonly clientId: string }, command: Command) => {
      const output = session.output(command);
      // the one verb that makes what is missing beside the documents
      await session.withStorage(command, { collections: ['documents'], shapes: 'written' }, async ({ storage, name, countDocuments }) => {
        const progress = session.progress('adopt', await countDocuments());
        const report = await storage
          .adopt({ clientId, signal: session.signal, onProgress: ({ checked, failed }) => progress.update(checked, failed === 0 ? '' : `${failed} failed`) })
          .finally(() => progress.stop());
        if (report.failed > 0) session.exitCode = exitCodes.problems;
        await output.result(report, () =>
          [...report.failures.map(({ documentId, reason }) => `${name}/${brief(documentId)}: ${reason}`), `${name}: ${count(report.adopted, 'document')} adopted, ${report.failed} failed, ${report.checked} looked at`].join('\n'),
        );
      });
    });
}
