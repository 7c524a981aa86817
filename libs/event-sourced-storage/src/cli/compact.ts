import type { Command } from 'commander';
import type { CompactOptions } from '../index.js';
import { exitCodes } from './exit-codes.js';
import { oneOrAll } from './one-or-all.js';
import { count } from './output.js';
import { integer } from './parse.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';
import type { OpenStorage } from './storage-options.js';

interface Options {
  readonly all?: boolean;
  readonly keepLast?: number;
  readonly upTo?: number;
  readonly dryRun?: boolean;
}

/** So many failures are told; the rest is counted. */
const mostTold = 1_000;

export function addCompact(program: Command, session: Session): void {
  program
    .command('compact [id]')
    .description('removes old events behind a verified snapshot')
    .option('--all', 'every document')
    .option('--keep-last <n>', 'how many of the newest events stay', integer)
    .option('--up-to <n>', 'the highest number that may go', integer)
    .option('--dry-run', 'only finds out what would go, and verifies')
    .action(async (id: string | undefined, options: Options, command: Command) => {
      oneOrAll(id, options.all);
      const { keepLast, upTo, dryRun = false } = options;
      if (keepLast === undefined && upTo === undefined) throw new Refusal('How much stays? Give --keep-last or --up-to.', exitCodes.usage);
      const what: CompactOptions = { dryRun, ...(keepLast === undefined ? {} : { keepLast }), ...(upTo === undefined ? {} : { upTo }) };
      const output = session.output(command);
      await session.withStorage(command, { compacts: true, shapes: 'written' }, async (opened) => {
        const { storage, name, handlers } = opened;
        if (handlers.length > 0) output.note(`What these durable handlers have not handled stays: ${handlers.join(', ')}. With --model only those of one model count.`);
        const would = dryRun ? 'would be ' : '';
        if (id === undefined) {
          const all = await compactAll(session, opened, what);
          if (all.failed > 0) session.exitCode = exitCodes.problems;
          return output.result(all, () => [...all.failures.map(({ documentId, message }) => `${name}/${String(documentId)}: ${message}`), `${name}: ${count(all.removed, 'event')} of ${count(all.documents, 'document')} ${would}removed, ${all.failed} failed`].join('\n'));
        }
        const result = await storage.compact(id, what);
        return output.result(result, () => `${name}/${id}: ${count(result.removed, 'event')} ${would}removed, floor ${result.floor}${result.snapshot === null ? '' : `, snapshot ${result.snapshot}`}`);
      });
    });
}

interface CompactedAll {
  readonly dryRun: boolean;
  readonly documents: number;
  readonly removed: number;
  readonly failed: number;
  readonly failures: readonly { readonly documentId: unknown; readonly message: string }[];
}

async function compactAll(session: Session, { storage, countDocuments }: OpenStorage, what: CompactOptions): Promise<CompactedAll> {
  const progress = session.progress('compact', await countDocuments());
  const failures: { readonly documentId: unknown; readonly message: string }[] = [];
  let [documents, removed, failed] = [0, 0, 0];
  try {
    for await (const each of storage.compactMany(what)) {
      ({ documents, removed } = each);
      if (each.error !== undefined && ++failed <= mostTold) failures.push({ documentId: each.documentId, message: each.error.message });
      progress.update(documents, count(removed, 'event'));
      session.signal.throwIfAborted();
    }
  } finally {
    progress.stop();
  }
  return { dryRun: what.dryRun === true, documents, removed, failed, failures };
}
