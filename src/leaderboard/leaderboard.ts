import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type mongoose from 'mongoose';
import type { TransactionSession } from 'nestjs-event-sourced-storage';
import type { RankChange } from './rank-change.js';
import { StoredRank } from './rank.schema.js';

/** One line of the leaderboard. */
export interface Rank {
  readonly id: string;
  readonly name: string;
  readonly gold: number;
}

/** The richest games, in a collection of their own. */
@Injectable()
export class Leaderboard {
  constructor(@InjectModel(StoredRank.name) private readonly ranks: mongoose.Model<StoredRank>) {}

  async apply(_id: mongoose.Types.ObjectId, change: RankChange, session: TransactionSession): Promise<void> {
    // the session of the storage is a session of Mongoose
    const within = { session: session as mongoose.ClientSession };
    if (change === 'remove') await this.ranks.deleteOne({ _id }, within);
    else await this.ranks.updateOne({ _id }, { $set: change }, { ...within, upsert: true });
  }

  /** The first `count`, most gold first; equals in the order of their ids. */
  async top(count: number): Promise<Rank[]> {
    const found = await this.ranks.find().sort({ gold: -1, _id: 1 }).limit(count).lean();
    return found.map(({ _id, name, gold }) => ({ id: _id.toHexString(), name, gold }));
  }
}
