'use strict';
const assert = require('node:assert/strict');
const { NestFactory } = require('@nestjs/core');
const { CqrsModule } = require('@nestjs/cqrs');
const { MongooseModule } = require('@nestjs/mongoose');
const mongoose = require('mongoose');
const { EventSourcedStorageModule, EventSourcedStorageService } = require('nestjs-event-sourced-storage');

const schema = new mongoose.Schema({ name: String, gold: Number, experience: Number, lastUpdated: Date }, { versionKey: 'version' });

class AppModule {}

async function main() {
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
    await play(app.get(EventSourcedStorageService, { strict: false }));
  } finally {
    await app.close();
  }
  const imported = await import('nestjs-event-sourced-storage');
  assert.equal(imported.EventSourcedStorageService, EventSourcedStorageService, 'require and import give the same classes');
}

async function play(games) {
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
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
