import { Command, Option } from 'commander';
import { addAdopt } from './adopt.js';
import { addCheck } from './check.js';
import { addCompact } from './compact.js';
import { addDiff } from './diff.js';
import { addHandlers } from './handlers.js';
import { addHistory } from './history.js';
import { idKinds } from './id-kind.js';
import { positiveInteger } from './parse.js';
import { addPurge } from './purge.js';
import { addRebuild } from './rebuild.js';
import type { Session } from './session.js';
import { addSnapshot } from './snapshot.js';
import { addState } from './state.js';
import { addTail } from './tail.js';
import { addVerify } from './verify.js';

const epilogue = `
Exit codes: 0 ok; 1 problems were found, or something was not done; 2 wrong usage, or what was named is not there;
3 the database cannot be reached; 130 ended by Ctrl-C.

Ids that begin with a hyphen go behind "--". With --json, stdout carries Extended JSON and nothing else: one document, or one a line
for history, tail and handlers parked.`;

/** All verbs, with the options that they share. */
export function createProgram(session: Session): Command {
  const { stdout, stderr } = session.streams;
  const program = new Command('nestjs-event-sourced-storage')
    .description('Looks after documents whose every change is an event.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', epilogue)
    .showHelpAfterError('Say --help for what there is.')
    .addOption(new Option('--uri <address>', 'of the database').env('MONGODB_URI'))
    .option('--database <name>', 'where the address names another, or none')
    .option('--collection <name>', 'of the documents')
    .option('--version-field <name>', 'the field that carries the version', 'version')
    .addOption(new Option('--id-type <kind>', 'of the ids; left out: by the look of a stored document').choices(idKinds))
    .option('--events-collection <name>', 'left out: <collection>_events')
    .option('--snapshots-collection <name>', 'left out: <collection>_snapshots')
    .option('--streams-collection <name>', 'left out: <collection>_streams')
    .option('--model <name>', 'only durable handlers of this model hold up compact')
    .option('--app <file#export>', "the built module of an application, to use its storage with schema, options and upcasters instead of --uri; all of the application's own work starts with it")
    .option('--feature <name>', 'with --app: the name given to forFeature()')
    .option('--connection <name>', 'with --app: the connection given to forFeature()')
    .addOption(new Option('--timeout <ms>', 'how long the database is looked for').argParser(positiveInteger).default(10_000))
    .option('--json', 'Extended JSON on stdout', false);
  for (const add of [addHistory, addState, addDiff, addVerify, addRebuild, addSnapshot, addCompact, addPurge, addTail, addAdopt, addCheck, addHandlers]) add(program, session);
  return program;
}
