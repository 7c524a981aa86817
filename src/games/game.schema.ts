import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import type { Schema as MongooseSchema, Types } from 'mongoose';
import type { Boss, Hero } from './raid.js';

const finite = { validator: Number.isFinite, message: '{PATH} must stay a finite number' };

@Schema({ _id: false })
class StoredBoss implements Boss {
  @Prop({ required: true, trim: true, minlength: 1, maxlength: 60 })
  name!: string;

  @Prop({ required: true, min: 0 })
  hp!: number;

  @Prop({ required: true, min: 1 })
  maxHp!: number;
}

@Schema({ _id: false })
class StoredHero implements Hero {
  @Prop({ required: true, minlength: 1, maxlength: 60 })
  name!: string;

  @Prop({ required: true, min: 0 })
  hits!: number;

  @Prop({ required: true, min: 0 })
  damage!: number;

  @Prop({ required: true, min: 0 })
  gold!: number;
}

/** A raid on a boss: what the stored document looks like. */
@Schema({ collection: 'games', versionKey: 'version' })
export class Game {
  readonly _id!: Types.ObjectId;

  @Prop({ required: true, trim: true, minlength: 1, maxlength: 100 })
  name!: string;

  @Prop({ default: 0, validate: finite })
  gold!: number;

  @Prop({ default: 0, validate: finite })
  experience!: number;

  /** Absent in games that are about gold and experience only. */
  @Prop({ type: SchemaFactory.createForClass(StoredBoss) })
  boss?: Boss;

  /** In the order of their first strikes; absent before the first one. An array: names of people are no keys. */
  @Prop({ type: [SchemaFactory.createForClass(StoredHero)], default: undefined })
  heroes?: Hero[];

  @Prop({ default: Date.now })
  lastUpdated!: Date;

  /** Number of the last change. The storage writes it, nobody else. */
  version!: number;
}

export const GameSchema: MongooseSchema<Game> = SchemaFactory.createForClass(Game);
