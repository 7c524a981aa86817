import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import type { Schema as MongooseSchema, Types } from 'mongoose';

/** One line of the leaderboard as it is stored; its id is the game's. */
@Schema({ collection: 'leaderboard', versionKey: false })
export class StoredRank {
  readonly _id!: Types.ObjectId;

  @Prop()
  name!: string;

  @Prop()
  gold!: number;
}

export const StoredRankSchema: MongooseSchema<StoredRank> = SchemaFactory.createForClass(StoredRank).index({ gold: -1, _id: 1 });
