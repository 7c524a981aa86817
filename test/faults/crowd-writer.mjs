// A process that writes one shared document as fast as it can and says "ready" once the first write is durable. Somebody kills it in mid-flight.
// Arguments: URI, database, id
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { EventSourcedStorageModule, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';

const [uri, database, id] = process.argv.slice(2);
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
await games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'crowd');
console.log('ready');
const writer = async () => {
  for (;;) await games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'crowd').catch(() => undefined);
};
await Promise.all(Array.from({ length: 8 }, writer));
