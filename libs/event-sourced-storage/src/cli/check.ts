import type { Command } from 'commander';
import { collectionNames } from './collections.js';
import { connect } from './connect.js';
import { exitCodes } from './exit-codes.js';
import type { Finding } from './finding.js';
import { inspect } from './inspect.js';
import type { Session } from './session.js';

const marks: Readonly<Record<Finding['level'], string>> = { ok: 'ok      ', note: 'note    ', warning: 'warning ', missing: 'MISSING ' };

export function addCheck(program: Command, session: Session): void {
  program
    .command('check')
    .description('whether server, collections, indexes, rights and client options are what the storage needs; changes nothing, ends with 1 when not')
    .action(async (_options: unknown, command: Command) => {
      const options = session.options(command);
      const names = collectionNames(options);
      const output = session.output(command);
      const connection = await connect(options, session.signal);
      try {
        const findings = await inspect(connection, names, options.uri ?? '');
        const ok = findings.every(({ level }) => level !== 'missing');
        if (!ok) session.exitCode = exitCodes.problems;
        await output.result({ ok, database: connection.name, collections: names, findings }, () =>
          [...findings.map(({ level, topic, message }) => `${marks[level]}${topic}: ${message}`), `${connection.name}.${names.documents}: ${ok ? 'ready' : 'not ready'}`].join('\n'),
        );
      } finally {
        await connection.close();
      }
    });
}
