import type { Command } from 'commander';
import { confirmed } from './one-or-all.js';
import { count } from './output.js';
import type { Session } from './session.js';

export function addPurge(program: Command, session: Session): void {
  program
    .command('purge <id>')
    .description('erases a document with everything that was recorded of it')
    .option('--client-id <id>', 'who erases it', 'purge')
    .option('--yes', 'erase it')
    .option('--dry-run', 'only says what would go')
    .action(async (id: string, options: { readonly clientId: string; readonly yes?: boolean; readonly dryRun?: boolean }, command: Command) => {
      confirmed(options, 'erases the document and its history');
      const output = session.output(command);
      await session.withStorage(command, {}, async ({ storage, name }) => {
        if (options.dryRun === true) {
          const { head, checkedEvents } = await storage.verify(id);
          if (head === 0) session.notFound(id);
          return output.result({ dryRun: true, version: head, events: checkedEvents }, () => `would erase ${name}/${id}@${head} with ${count(checkedEvents, 'event')}`);
        }
        const result = await storage.purge(id, options.clientId);
        if (!result.purged && result.version === 0) session.notFound(id);
        return output.result(result, () => (result.purged ? `${name}/${id}@${result.version}: erased, with ${count(result.removed, 'event')}` : `${name}/${id}@${result.version}: was erased before`));
      });
    });
}
