import assert from 'node:assert/strict';
import { NestFactory } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { EventSourcedStorageModule, EventSourcedStorageService } from 'nestjs-event-sourced-storage';

const schema = new mongoose.Schema({ name: String, gold: Number, experience: Number, lastUpdated: Date }, { versionKey: 'version' });

class AppModule {}

const app = await NestFactory.createApplicationContext(
  {
    module: AppModule,
    imports: [
      MongooseModule.forRoot(process.env.MONGODB_URI),
      CqrsModule.forRoot(),
      EventSourcedStorageModule.forRoot({}),
      EventSourcedStorageModule.forFeature([{ name: 'Game', schema }]),
    ],
  },
  { logger: ['error', 'warn'] },
);
try {
  const games = app.get(EventSourcedStorageService, { strict: false });
  const { document, created } = await games.findOneAndUpsert({ name: 'Raid', gold: 100, experience: 0 }, 'game-server');
  assert.equal(created, true);
  const { _id: id } = document;
  const { document: edited, diff } = await games.findOneAndUpdate(id, (game) => ({ ...game, gold: game.gold + 50 }), 'admin-panel');
  assert.equal(edited.gold, 150);
  assert.equal(diff.version, 2);
  const events = await games.getMissingEvents(id, 1);
  assert.deepEqual(
    events.map(({ serverSeq, operation, clientId }) => [serverSeq, operation, clientId]),
    [[2, 'update', 'admin-panel']],
  );
} finally {
  await app.close();
}
