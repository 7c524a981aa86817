import { type Command, Option } from 'commander';
import type { DocumentEvent, EventQuery, Operation } from '../index.js';
import { brief } from './output.js';
import { date, integer, positiveInteger } from './parse.js';
import type { Session } from './session.js';

interface HistoryOptions {
  readonly from?: number;
  readonly to?: number;
  readonly since?: Date;
  readonly until?: Date;
  readonly client?: string;
  readonly operation?: Operation;
  readonly limit?: number;
  readonly order: 'asc' | 'desc';
}

export function addHistory(program: Command, session: Session): void {
  program
    .command('history <id>')
    .description('the events of a document, one line each')
    .option('--from <n>', 'lowest number', integer)
    .option('--to <n>', 'highest number', integer)
    .option('--since <date>', 'recorded at or after', date)
    .option('--until <date>', 'recorded at or before', date)
    .option('--client <id>', 'only of this client')
    .addOption(new Option('--operation <kind>', 'only of this kind').choices(['create', 'update', 'delete']))
    .option('--limit <n>', 'at most so many', positiveInteger)
    .addOption(new Option('--order <order>', 'by number').choices(['asc', 'desc']).default('asc'))
    .action(async (id: string, options: HistoryOptions, command: Command) => {
      const output = session.output(command);
      await session.withStorage(command, {}, async ({ storage }) => {
        let shown = 0;
        for await (const event of storage.streamEvents(id, queryOf(options))) {
          session.signal.throwIfAborted();
          await output.entry(event, () => eventLine(event));
          shown++;
        }
        // an unknown id and a filter that nothing passes both leave nothing to show
        if (shown === 0 && (await storage.getEvents(id, { limit: 1 })).events.length === 0) session.notFound(id);
      });
    });
}

/** What happened, in one line. */
export function eventLine(event: DocumentEvent): string {
  return `@${event.serverSeq}  ${event.timestamp.toISOString()}  ${event.operation}  ${event.clientId}${changes(event)}`;
}

function changes(event: DocumentEvent): string {
  if (event.operation !== 'update') return '';
  const { set, unset } = event.diff;
  const words = [...Object.entries(set).map(([path, value]) => `${path} = ${brief(value)}`), ...unset.map((path) => `without ${path}`)];
  return `  ${words.join(', ')}`;
}

function queryOf({ client, ...rest }: HistoryOptions): EventQuery {
  const given: Record<string, unknown> = {};
  for (const key of ['from', 'to', 'since', 'until', 'operation', 'limit', 'order'] as const) if (rest[key] !== undefined) given[key] = rest[key];
  return { ...given, ...(client === undefined ? {} : { clientId: client }) };
}
