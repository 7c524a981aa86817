import { createHash } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import type { EventReadOptions } from '../history/event-store.js';
import { drawMark, epochOf, type FloorMark, generationLength, type StreamFacts, StreamStore } from '../history/stream-store.js';
import type { DocumentId } from '../model/document-id.js';
import { isDuplicateKey } from './driver-errors.js';
import { storedId, storedNumber } from './event-key.js';
import { rawCollection } from './raw-collection.js';
import { readLevel } from './read-level.js';

/** What is stored of a history that is not plain "from 1". */
export interface StreamRecord {
  readonly _id: DocumentId;
  /** Written as Long; the driver returns numbers. */
  readonly floor?: mongo.Long | number;
  readonly floorAt?: Date;
  /** The part of the epoch that is this history's own, since its last erasure. */
  readonly mark?: string;
  readonly purgedAt?: mongo.Long | number;
  /** Of the operations that created what was erased: hashes, so that a late repetition of one is known and nothing is told of it. */
  readonly erasedOperations?: readonly string[];
}

/** No document has an object as its id, so that this one is no document's. */
const generationKey = { reserved: 'generation' } as const;
interface GenerationRecord {
  readonly _id: typeof generationKey;
  readonly generation: string;
}

const majority = { writeConcern: { w: 'majority', j: true } } as const;

/** Facts of histories in a collection of MongoDB; one record more holds the generation of the feature. */
export class MongooseStreamStore extends StreamStore {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
    private readonly random: () => number = Math.random,
  ) {
    super();
  }

  override async read(id: DocumentId, options: EventReadOptions = {}): Promise<StreamFacts> {
    const keys: readonly unknown[] = [storedId(id), generationKey];
    const found = await this.collection<StreamRecord | GenerationRecord>().find({ _id: { $in: keys } } as object, readLevel(options)).toArray();
    const kept = found.find((record): record is GenerationRecord => 'generation' in record);
    const generation = kept?.generation ?? (await this.firstGeneration());
    return factsOf(found.find((record): record is StreamRecord => !('generation' in record)), generation);
  }

  override async raiseFloor(id: DocumentId, { floor, floorAt }: FloorMark): Promise<boolean> {
    const values = { floor: storedNumber(floor), floorAt };
    try {
      const { matchedCount, upsertedCount } = await this.collection<StreamRecord>().updateOne(
        { _id: storedId(id), floor: { $not: { $gte: values.floor } } },
        { $set: values },
        { upsert: true, ...majority },
      );
      return matchedCount + upsertedCount > 0;
    } catch (error) {
      // the record is there, and its floor is as high
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  override async renewGeneration(): Promise<string> {
    const generation = drawMark(generationLength, this.random);
    await this.collection<GenerationRecord>().updateOne({ _id: generationKey }, { $set: { generation } }, { upsert: true, ...majority });
    return generation;
  }

  override async wasErased(id: DocumentId, operationId: string): Promise<boolean> {
    const record = await this.collection<StreamRecord>().findOne({ _id: storedId(id) } as object, readLevel({}));
    return record?.erasedOperations?.includes(hashOf(operationId)) ?? false;
  }

  /** Drawn once; whoever comes second finds it there. */
  private async firstGeneration(): Promise<string> {
    const record = await this.collection<GenerationRecord>()
      .findOneAndUpdate({ _id: generationKey }, { $setOnInsert: { generation: drawMark(generationLength, this.random) } }, { upsert: true, returnDocument: 'after', ...majority })
      .catch((error: unknown) => {
        if (isDuplicateKey(error)) return this.collection<GenerationRecord>().findOne({ _id: generationKey });
        throw error;
      });
    if (record === null) throw new Error(`The collection "${this.collectionName}" did not keep its generation.`);
    return record.generation;
  }

  private collection<T extends object>(): mongo.Collection<T> {
    return rawCollection<T>(this.connection, this.collectionName);
  }
}

function factsOf(record: StreamRecord | undefined, generation: string): StreamFacts {
  const { floor, floorAt, mark, purgedAt } = record ?? {};
  return {
    epoch: epochOf(generation, mark),
    floor: Number(floor ?? 0),
    ...(floorAt === undefined ? {} : { floorAt }),
    purged: purgedAt !== undefined,
    ...(purgedAt === undefined ? {} : { purgedAt: Number(purgedAt) }),
  };
}

/** As much of a hash as tells operations of one document apart. */
export function hashOf(operationId: string): string {
  return createHash('sha256').update(operationId).digest('base64url').slice(0, 22);
}
