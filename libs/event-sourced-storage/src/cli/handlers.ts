import { type Command, Option } from 'commander';
import type { Connection } from 'mongoose';
import type { DocumentId, DurableHandlers, HandlerStatus } from '../index.js';
import { openStoredHandlers } from '../nest/stored-handlers.js';
import { castIdText } from './cast-id-text.js';
import { requireHandlers } from './collections.js';
import { connect } from './connect.js';
import { exitCodes } from './exit-codes.js';
import type { IdKind } from './id-kind.js';
import { confirmed } from './one-or-all.js';
import { count } from './output.js';
import { positiveInteger, start } from './parse.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';

interface Confirmation {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Durable handlers are looked after by what is stored of them: the processes that run them notice within about a second. */
export function addHandlers(program: Command, session: Session): void {
  const handlers = program.command('handlers').description('durable handlers: how they are doing, and what waits');

  handlers
    .command('list')
    .description('all handlers with their lag and what is parked')
    .action((_options: unknown, command: Command) =>
      withHandlers(session, command, async (durable) => {
        const all = await Promise.all(durable.list().map((name) => durable.status(name)));
        await session.output(command).result(all, () => all.map(statusLine).join('\n'));
      }),
    );

  handlers
    .command('pause <name>')
    .description('handles no more, in no process, until resume')
    .action((name: string, _options: unknown, command: Command) =>
      withHandlers(session, command, async (durable) => {
        await named(durable, name).pause(name);
        await session.output(command).result({ name, isPaused: true }, () => `${name}: paused`);
      }),
    );

  handlers
    .command('resume <name>')
    .description('goes on where it stopped')
    .action((name: string, _options: unknown, command: Command) =>
      withHandlers(session, command, async (durable) => {
        await named(durable, name).resume(name);
        await session.output(command).result({ name, isPaused: false }, () => `${name}: goes on`);
      }),
    );

  handlers
    .command('reset <name>')
    .description('forgets everything that the handler has handled, and begins again')
    .option('--from <start>', 'beginning, now or a date; left out: as it began before', start)
    .option('--yes', 'do it')
    .option('--dry-run', 'only says what would be forgotten')
    .action((name: string, { from, ...confirmation }: { readonly from?: 'beginning' | 'now' | Date } & Confirmation, command: Command) => {
      confirmed(confirmation, 'forgets what was handled and what is parked');
      return withHandlers(session, command, async (durable) => {
        const { dryRun = false } = confirmation;
        if (!dryRun) await named(durable, name).reset(name, from === undefined ? {} : { from });
        const { generation, parked } = await named(durable, name).status(name);
        await session.output(command).result({ name, dryRun, generation, parked }, () => (dryRun ? `${name}: would begin again, and forget ${count(parked, 'parked document')}` : `${name}: begins again, generation ${generation}`));
      });
    });

  handlers
    .command('parked <name>')
    .description('the documents whose events wait, the oldest first')
    .option('--limit <n>', 'at most so many', positiveInteger, 1_000)
    .action((name: string, { limit }: { readonly limit: number }, command: Command) =>
      withHandlers(session, command, async (durable) => {
        const output = session.output(command);
        for (const parked of await named(durable, name).parked(name, { limit })) {
          await output.entry(parked, () => `${String(parked.documentId)}@${parked.serverSeq}  ${parked.parkedAt.toISOString()}  ${count(parked.attempts, 'attempt')}  ${parked.error}`);
        }
      }),
    );

  handlers
    .command('redeliver <name> [id]')
    .description('handles again what waits of a document, or of all with --all')
    .option('--all', 'of every parked document')
    .action((name: string, id: string | undefined, { all }: { readonly all?: boolean }, command: Command) => {
      if ((id === undefined) !== (all === true)) throw new Refusal('Give the id of a document, or --all.', exitCodes.usage);
      return withHandlers(session, command, async (durable) => {
        const documents = id === undefined ? await named(durable, name).redeliver(name) : await named(durable, name).redeliver(name, await parkedId(session, command, durable, name, id));
        if (documents === 0 && id !== undefined) throw notParked(name, id);
        await session.output(command).result({ name, documents }, () => `${name}: ${count(documents, 'document')} will be handled again`);
      });
    });

  handlers
    .command('discard <name> <id>')
    .description('gives up the event that failed, and handles what waits behind it')
    .addOption(new Option('--events <which>', 'the one that failed, or everything that waits').choices(['first', 'all']).default('first'))
    .option('--yes', 'do it')
    .option('--dry-run', 'only says what would be given up')
    .action((name: string, id: string, { events, ...confirmation }: { readonly events: 'first' | 'all' } & Confirmation, command: Command) => {
      confirmed(confirmation, 'gives up events that were not handled');
      return withHandlers(session, command, async (durable) => {
        const documentId = await parkedId(session, command, durable, name, id);
        const { dryRun = false } = confirmation;
        const waiting = (await durable.parked(name, { limit: mostListed })).find((each) => String(each.documentId) === String(documentId));
        const isParked = dryRun ? waiting !== undefined : await durable.discard(name, documentId, { events });
        if (!isParked) throw notParked(name, id);
        const what = `${String(documentId)}@${waiting?.serverSeq ?? '?'}${events === 'all' ? ' and all that waits behind it' : ''}`;
        await session.output(command).result({ name, dryRun, documentId, serverSeq: waiting?.serverSeq, events }, () => `${name}: ${what} ${dryRun ? 'would be' : 'will be'} given up`);
      });
    });
}

/** So many parked documents are searched for an id before it is taken as it looks. */
const mostListed = 10_000;

async function withHandlers(session: Session, command: Command, use: (durable: DurableHandlers) => Promise<void>): Promise<void> {
  const options = session.options(command);
  if (options.app !== undefined) throw new Refusal('Durable handlers are looked after by what is stored: give --uri, not --app.', exitCodes.usage);
  const connection: Connection = await connect(options, session.signal);
  try {
    await requireHandlers(connection);
    await use(await openStoredHandlers(connection));
  } finally {
    await connection.close();
  }
}

function named(durable: DurableHandlers, name: string): DurableHandlers {
  if (durable.list().includes(name)) return durable;
  throw new Refusal(`There is no durable handler "${name}". There are: ${durable.list().join(', ') || 'none'}.`, exitCodes.usage);
}

/** The id as it is stored: a parked document tells of which kind it is. */
async function parkedId(session: Session, command: Command, durable: DurableHandlers, name: string, text: string): Promise<DocumentId> {
  const kind = session.options(command).idType as IdKind | undefined;
  if (kind !== undefined) return castIdText(text, kind);
  const parked = await named(durable, name).parked(name, { limit: mostListed });
  const found = parked.filter(({ documentId }) => String(documentId) === text);
  if (found.length > 1) throw new Refusal(`Several kinds of ids look like "${text}": say --id-type.`, exitCodes.usage);
  const [only] = found;
  if (only === undefined) throw notParked(name, text);
  return only.documentId;
}

function notParked(name: string, id: string): Refusal {
  return new Refusal(`${name} has no parked document "${id.slice(0, 100)}".`, exitCodes.usage);
}

function statusLine({ name, model, isPaused, pausedBecause, processes, lagMs, parked, oldestParkedMs, partitions }: HandlerStatus): string {
  const lag = lagMs === undefined ? 'goes through old events' : `${(lagMs / 1_000).toFixed(1)} s behind`;
  const paused = isPaused ? `paused${pausedBecause === undefined ? '' : ` because of ${pausedBecause}`}` : lag;
  const waits = parked === 0 ? 'nothing parked' : `${parked} parked, the oldest for ${Math.round((oldestParkedMs ?? 0) / 1_000)} s`;
  return `${name} (${model}): ${paused}, ${waits}, ${count(partitions.length, 'part')} in ${processes === 1 ? '1 process' : `${processes} processes`}`;
}
