// Ends a mongod whose starter died without stopping it. Arguments: the process id of that mongod.
// The starter holds the other end of standard input: however it dies, that pipe closes.
import { setTimeout as sleep } from 'node:timers/promises';

const pid = Number(process.argv[2]);

/** False when there is no such process any more. */
const send = (signal) => {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
};

process.stdin.resume().on('close', async () => {
  send('SIGTERM');
  for (let waited = 0; waited < 20_000 && send(0); waited += 250) await sleep(250);
  send('SIGKILL');
  process.exit(0);
});
