import { type Command, Option } from 'commander';
import { json } from './output.js';
import { date, integer } from './parse.js';
import type { Session } from './session.js';

export function addState(program: Command, session: Session): void {
  program
    .command('state <id>')
    .description('a document as it is, or as it was')
    .addOption(new Option('--version <n>', 'right after the event of this number').argParser(integer).conflicts('at'))
    .addOption(new Option('--at <date>', 'at this time').argParser(date))
    .action(async (id: string, { version, at }: { readonly version?: number; readonly at?: Date }, command: Command) => {
      const output = session.output(command);
      await session.withStorage(command, version === undefined && at === undefined ? {} : { shapes: 'shown' }, async ({ storage, name }) => {
        const point = at === undefined ? version : { at };
        const state = point === undefined ? await storage.findOne(id, { fresh: true }) : await storage.stateAt(id, typeof point === 'number' ? { version: point } : point);
        if (state === null && point === undefined) {
          const { events } = await storage.getEvents(id, { order: 'desc', limit: 1 });
          if (events.length === 0) session.notFound(id);
        }
        await output.result(state, () => (state === null ? `${name}/${id} ${point === undefined ? 'is deleted' : 'did not exist then'}` : json(state, 2)));
      });
    });
}
