// A process that dies by SIGKILL at a named point of a compaction or an erasure.
// Arguments: URI, database, verb (compact | purge), point (or "never"), which time the point is reached, id, line
import { openGames } from './child-app.mjs';

const [uri, database, verb, point, time, id, line] = process.argv.slice(2);
let reached = 0;
const checkpoint = (name) => {
  if (name === point && ++reached === Number(time)) process.kill(process.pid, 'SIGKILL');
};
const { app, games } = await openGames(uri, database, { checkpoint });
console.log(JSON.stringify(verb === 'purge' ? await games.purge(id, 'eraser') : await games.compact(id, { upTo: Number(line) })));
await app.close();
