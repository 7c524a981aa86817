// A process that makes snapshots by itself, and stops itself by SIGSTOP at a named point of the first one.
// Arguments: URI, database, point
//   point: before-fence (document read, transaction not begun) | in-transaction (fenced, snapshot not sent) | never
// Prints `ready`, `stopping`, each failure as it is counted, and on SIGTERM what it made.
import { writeSync } from 'node:fs';
import { openGames } from './child-app.mjs';

const [uri, database, point] = process.argv.slice(2);
const options = { snapshots: { everyEvents: 3 }, snapshotScheduler: { everyMs: 20, leaseMs: 1_000 } };
const say = (word, facts = {}) => writeSync(1, `${JSON.stringify({ word, ...facts })}\n`);

let stopped = false;
function stop() {
  if (stopped) return;
  stopped = true;
  say('stopping');
  process.kill(process.pid, 'SIGSTOP');
}
const { app, games } = await openGames(uri, database, options, (client) => {
  client.on('commandSucceeded', ({ commandName, reply }) => point === 'before-fence' && commandName === 'find' && reply.cursor?.ns === `${database}.games` && stop());
  client.on('commandStarted', ({ commandName, command }) => point === 'in-transaction' && commandName === 'findAndModify' && command[commandName] === 'games_snapshots' && stop());
});

let told = 0;
const watching = setInterval(() => {
  const { failed, lastError } = games.snapshotStatus();
  if (failed > told) say('failed', { message: lastError.message });
  told = failed;
}, 5);

process.on('SIGTERM', async () => {
  clearInterval(watching);
  await games.runSnapshots(); // after the round under way
  say('made', { made: games.snapshotStatus().made });
  await app.close();
});
say('ready');
