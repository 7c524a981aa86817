// A process that dies by SIGKILL at a named point of its first write after "ready". Runs the built library, as a user's process would.
// Arguments: URI, database, point, id, operationId, kind
//   point: before-commit (document written, commit not sent) | after-commit (committed, the answer not yet seen) | never
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getConnectionToken, MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { EventSourcedStorageModule, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';

const [uri, database, point, id, operationId, kind] = process.argv.slice(2);
const schema = new mongoose.Schema({ name: { type: String, required: true }, gold: { type: Number, default: 0 } }, { versionKey: 'version', collection: 'games' });

class App {}
Module({
  imports: [
    MongooseModule.forRoot(uri, { dbName: database, monitorCommands: true }),
    EventSourcedStorageModule.forRoot({ publish: 'never' }),
    EventSourcedStorageModule.forFeature([{ name: 'Game', schema }]),
  ],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
const games = app.get(getEventSourcedStorageToken('Game'), { strict: false });
const client = app.get(getConnectionToken(), { strict: false }).getClient();

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
