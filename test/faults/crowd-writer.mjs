// A process that writes one shared document as fast as it can and says "ready" once the first write is durable. Somebody kills it in mid-flight.
// Arguments: URI, database, id
import { openGames } from './child-app.mjs';

const [uri, database, id] = process.argv.slice(2);
const { games } = await openGames(uri, database);
const write = () => games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'crowd');

await write();
console.log('ready');
const writer = async () => {
  for (;;) await write().catch(() => undefined);
};
await Promise.all(Array.from({ length: 8 }, writer));
