import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import type { Schema as MongooseSchema, Types } from 'mongoose';

const finite = { validator: Number.isFinite, message: '{PATH} must stay a finite number' };

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

  @Prop({ default: Date.now })
  lastUpdated!: Date;

  /** Number of the last change. The storage writes it, nobody else. */
  version!: number;
}

export const GameSchema: MongooseSchema<Game> = SchemaFactory.createForClass(Game);
