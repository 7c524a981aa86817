import type { Command } from 'commander';
import { exitCodes } from './exit-codes.js';
import { oneOrAll } from './one-or-all.js';
import { count } from './output.js';
import { positiveInteger } from './parse.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';
import type { OpenStorage } from './storage-options.js';

interface Options {
  readonly allDue?: boolean;
  readonly every?: number;
}

export function addSnapshot(program: Command, session: Session): void {
  program
    .command('snapshot [id]')
    .description('keeps the present state beside the events')
    .option('--all-due', 'every document that is due by the rules of the application, or by --every')
    .option('--every <n>', 'due once so many events came after the newest snapshot', positiveInteger)
    .action(async (id: string | undefined, { allDue, every }: Options, command: Command) => {
      oneOrAll(id, allDue, '--all-due');
      const { app } = session.options(command);
      if (app !== undefined && every !== undefined) throw new Refusal('With --app, the rules of the application say when a document is due: leave --every out.', exitCodes.usage);
      if (allDue === true && every === undefined && app === undefined) throw new Refusal('When is a document due? Give --every, or --app and --feature for the rules of the application.', exitCodes.usage);
      const output = session.output(command);
      await session.withStorage(command, { shapes: 'written', ...(every === undefined ? {} : { snapshotsEvery: every }) }, async (opened) => {
        const { storage, name } = opened;
        if (id === undefined) {
          const made = await snapshotAll(session, opened);
          if (made.failed > 0) session.exitCode = exitCodes.problems;
          return output.result(made, () => `${name}: ${count(made.made, 'snapshot')} made, ${made.failed} failed, ${made.examined} documents looked at`);
        }
        const { documentId, serverSeq, createdAt } = await storage.createSnapshot(id);
        return output.result({ documentId, serverSeq, createdAt }, () => `${name}/${id}@${serverSeq}: snapshot of ${createdAt.toISOString()}`);
      });
    });
}

/** Rounds of the scheduler until all documents have been gone through; the first way through may have begun in the middle. */
async function snapshotAll(session: Session, { storage, countDocuments }: OpenStorage): Promise<{ readonly examined: number; readonly made: number; readonly failed: number }> {
  if (!storage.snapshotStatus().isEnabled) throw new Refusal('The application has no snapshotScheduler, or no rule for snapshots.', exitCodes.usage);
  const progress = session.progress('snapshot', await countDocuments());
  const sum = { examined: 0, made: 0, failed: 0 };
  let last: number | undefined;
  try {
    do {
      session.signal.throwIfAborted();
      const round = await storage.runSnapshots();
      if (!round.ran) throw new Refusal('Another process makes the snapshots at the moment; it holds the lease.', exitCodes.problems);
      sum.examined += round.examined;
      sum.made += round.made;
      sum.failed += round.failed;
      last ??= storage.snapshotStatus().sweeps + 1;
      progress.update(sum.examined, `${sum.made} made`);
    } while (storage.snapshotStatus().sweeps <= last);
    return sum;
  } finally {
    progress.stop();
  }
}
