// A process that dies by SIGKILL at a named point of its write.
// Arguments: URI, database, point, id, operationId, kind
//   point: before-commit (document written, commit not sent) | after-commit (committed, the answer not yet seen) | never
import { openGames } from './child-app.mjs';

const [uri, database, point, id, operationId, kind] = process.argv.slice(2);
const { app, games, client } = await openGames(uri, database);

const die = () => process.kill(process.pid, 'SIGKILL');
client.on('commandStarted', ({ commandName }) => point === 'before-commit' && commandName === 'commitTransaction' && die());
client.on('commandSucceeded', ({ commandName }) => point === 'after-commit' && commandName === 'commitTransaction' && die());

const writes = {
  create: () => games.findOneAndUpsert({ _id: id, name: 'doomed' }, 'doomed-writer', { operationId }),
  update: () => games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'doomed-writer', { operationId }),
  delete: () => games.deleteOne(id, 'doomed-writer', { operationId }),
};
const answer = await writes[kind]();
console.log(JSON.stringify(answer));
await app.close();
