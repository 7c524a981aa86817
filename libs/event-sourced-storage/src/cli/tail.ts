import type { Command } from 'commander';
import { eventLine } from './history.js';
import type { Session } from './session.js';

export function addTail(program: Command, session: Session): void {
  program
    .command('tail [id]')
    .description('events as they are committed, of one document or of all, until Ctrl-C')
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const output = session.output(command);
      await session.withStorage(command, { watches: true }, async ({ storage, name }) => {
        const events = storage.watch(id, { maxBuffered: 100_000, onGap: ({ reason }) => output.note(`some events are not told: ${reason}`) })[Symbol.asyncIterator]();
        const stop = (): void => void events.return?.();
        session.signal.addEventListener('abort', stop, { once: true });
        output.note(`watching ${name}${id === undefined ? '' : `/${id}`}, Ctrl-C ends it`);
        for await (const event of events) await output.entry(event, () => (id === undefined ? `${name}/${String(event.documentId)}${eventLine(event)}` : eventLine(event)));
        session.signal.throwIfAborted();
      });
    });
}
