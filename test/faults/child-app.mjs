// The storage of games in a process of its own, on the built library, as a user's process would have it.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getConnectionToken, MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { EventSourcedStorageModule, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';

const schema = new mongoose.Schema({ name: { type: String, required: true }, gold: { type: Number, default: 0 } }, { versionKey: 'version', collection: 'games' });

/**
 * @param watch gets the client before anything of the storage uses it: what begins by itself at the start is seen too
 * @returns the application, its games, and the client whose commands can be watched
 */
export async function openGames(uri, database, root = {}, watch = () => undefined) {
  class App {}
  Module({
    imports: [
      MongooseModule.forRoot(uri, { dbName: database, monitorCommands: true, connectionFactory: (connection) => (watch(connection.getClient()), connection) }),
      EventSourcedStorageModule.forRoot({ publish: 'never', ...root }),
      EventSourcedStorageModule.forFeature([{ name: 'Game', schema }]),
    ],
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
  const get = (token) => app.get(token, { strict: false });
  return { app, games: get(getEventSourcedStorageToken('Game')), client: get(getConnectionToken()).getClient() };
}
