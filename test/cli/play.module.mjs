// An application as the command line finds it: a built module with its own address, schema and rules.
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { EventSourcedStorageModule } from 'nestjs-event-sourced-storage';

const schema = new mongoose.Schema({ name: { type: String, required: true }, gold: { type: Number, default: 0 } }, { versionKey: 'version', collection: 'games' });

export class PlayModule {}
Module({
  imports: [
    MongooseModule.forRoot(process.env.PLAY_URI, { dbName: process.env.PLAY_DATABASE }),
    EventSourcedStorageModule.forRoot({ publish: 'never', snapshots: { everyEvents: 3 }, snapshotScheduler: { everyMs: 0 } }),
    EventSourcedStorageModule.forFeature([{ name: 'Game', schema }]),
  ],
})(PlayModule);
