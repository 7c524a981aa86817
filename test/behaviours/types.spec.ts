import { describe, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import type mongoose from 'mongoose';
import type {
  BulkResult,
  CreateEvent,
  DeleteEvent,
  DeleteResult,
  Diff,
  DocumentCreatedEvent,
  DocumentEvent,
  DocumentId,
  DocumentUpdatedEvent,
  Edit,
  EditContext,
  EventPage,
  EventSourcedStorageService,
  EventsWithSnapshot,
  OperationOutcome,
  Snapshot,
  TransactionSession,
  UpdateEvent,
  UpdateResult,
  UpsertResult,
} from 'nestjs-event-sourced-storage';

interface Game {
  readonly _id: mongoose.Types.ObjectId;
  name: string;
  gold: number;
  tags?: string[];
  version: number;
}

type Games = EventSourcedStorageService<Game>;
type Answer<M extends keyof Games> = Games[M] extends (...args: never[]) => infer R ? Awaited<R> : never;

/** Judged by the type checker (`npm run typecheck`); at run time nothing of it exists. */
describe('types', () => {
  it('a read answers the document or null, without a cast', () => {
    expectTypeOf<Answer<'findOne'>>().toEqualTypeOf<Game | null>();
    expectTypeOf<Answer<'findMany'>>().toEqualTypeOf<Game[]>();
    expectTypeOf<Answer<'stateAt'>>().toEqualTypeOf<Game | null>();
  });

  it('writes answer the document with what happened', () => {
    expectTypeOf<Answer<'findOneAndUpsert'>>().toEqualTypeOf<UpsertResult<Game>>();
    expectTypeOf<UpsertResult<Game>['document']>().toEqualTypeOf<Game>();
    expectTypeOf<UpsertResult<Game>['created']>().toEqualTypeOf<boolean>();
    expectTypeOf<Answer<'findOneAndUpdate'>>().toEqualTypeOf<UpdateResult<Game>>();
    expectTypeOf<UpdateResult<Game>['document']>().toEqualTypeOf<Game>();
    expectTypeOf<UpdateResult<Game>['diff']>().toEqualTypeOf<Diff>();
    expectTypeOf<Answer<'deleteOne'>>().toEqualTypeOf<DeleteResult>();
    expectTypeOf<Answer<'createMany'>>().toEqualTypeOf<BulkResult<Game>[]>();
    expectTypeOf<Answer<'updateMany'>>().toEqualTypeOf<BulkResult<UpdateResult<Game>>[]>();
    expectTypeOf<Answer<'resolveOperation'>>().toEqualTypeOf<OperationOutcome>();
  });

  it('a create takes a part of the document, and no other fields', () => {
    type Data = Parameters<Games['findOneAndUpsert']>[0];
    expectTypeOf<{ name: string }>().toExtend<Data>();
    expectTypeOf<{ name: number }>().not.toExtend<Data>();
    const create = (games: Games): unknown => [
      games.findOneAndUpsert({ name: 'raid', gold: 1 }, 'creator'),
      // @ts-expect-error a field that the document does not have
      games.findOneAndUpsert({ name: 'raid', silver: 1 }, 'creator'),
      // @ts-expect-error the author is missing
      games.findOneAndUpsert({ name: 'raid' }),
    ];
    expectTypeOf(create).toBeFunction();
  });

  it('an edit gets the document and the attempt, typed; it may mutate or return, at once or later', () => {
    expectTypeOf<Parameters<Edit<Game>>>().toEqualTypeOf<[document: Game, context: EditContext]>();
    expectTypeOf<EditContext['attempt']>().toEqualTypeOf<number>();
    const update = (games: Games): unknown => [
      games.findOneAndUpdate('id', (game, { attempt }) => void (game.gold += attempt), 'editor'),
      games.findOneAndUpdate('id', (game) => ({ ...game, gold: 1 }), 'editor'),
      games.findOneAndUpdate('id', async (game) => void (game.gold = await Promise.resolve(1)), 'editor'),
      games.findOneAndUpdate('id', async (game) => Promise.resolve({ ...game, gold: 1 }), 'editor'),
      games.findOneAndUpdate('id', (game) => void game.tags?.push('new'), 'editor', { expectedVersion: 3 }),
      // @ts-expect-error a text is no document
      games.findOneAndUpdate('id', () => 'gold', 'editor'),
      // @ts-expect-error null is no document
      games.findOneAndUpdate('id', () => null, 'editor'),
      // @ts-expect-error a part is no document
      games.findOneAndUpdate('id', () => ({ gold: 1 }), 'editor'),
      // @ts-expect-error the document has no such field
      games.findOneAndUpdate('id', (game) => void (game.silver = 1), 'editor'),
      // @ts-expect-error an update expects a version, not the absence of the document
      games.findOneAndUpdate('id', (game) => game, 'editor', { expectedVersion: 'no-document' }),
    ];
    expectTypeOf(update).toBeFunction();
  });

  it('events are told apart by their operation, and carry the document type', () => {
    expectTypeOf<Answer<'getMissingEvents'>>().toEqualTypeOf<DocumentEvent<Game>[]>();
    expectTypeOf<Answer<'getEvents'>>().toEqualTypeOf<EventPage<Game>>();
    expectTypeOf<EventPage<Game>['events']>().toEqualTypeOf<DocumentEvent<Game>[]>();
    expectTypeOf<ReturnType<Games['streamEvents']>>().toEqualTypeOf<AsyncIterable<DocumentEvent<Game>>>();
    const tell = (event: DocumentEvent<Game>): unknown => {
      switch (event.operation) {
        case 'create':
          expectTypeOf(event).toEqualTypeOf<CreateEvent<Game>>();
          expectTypeOf(event.createdDoc).toEqualTypeOf<Game>();
          // @ts-expect-error a create has no diff
          return event.diff;
        case 'update':
          expectTypeOf(event).toEqualTypeOf<UpdateEvent>();
          expectTypeOf(event.diff).toEqualTypeOf<Diff>();
          // @ts-expect-error an update has no whole document
          return event.createdDoc;
        case 'delete':
          expectTypeOf(event).toEqualTypeOf<DeleteEvent<Game>>();
          expectTypeOf(event.deletedDoc).toEqualTypeOf<Game>();
          return event.deletedDoc;
        default:
          expectTypeOf(event).toBeNever();
          return event;
      }
    };
    expectTypeOf(tell).toBeFunction();
  });

  it('snapshots and published events carry the document type', () => {
    expectTypeOf<Answer<'createSnapshot'>>().toEqualTypeOf<Snapshot<Game>>();
    expectTypeOf<Snapshot<Game>['state']>().toEqualTypeOf<Game | null>();
    expectTypeOf<Answer<'getEventsWithSnapshot'>>().toEqualTypeOf<EventsWithSnapshot<Game>>();
    expectTypeOf<DocumentCreatedEvent<Game>['document']>().toEqualTypeOf<Game>();
    expectTypeOf<DocumentCreatedEvent<Game>['event']>().toEqualTypeOf<CreateEvent<Game>>();
    expectTypeOf<DocumentUpdatedEvent<Game>['document']>().toEqualTypeOf<Game>();
  });

  it('an id is a value: a text, a number, an ObjectId, a UUID, never an array or null', () => {
    expectTypeOf<string>().toExtend<DocumentId>();
    expectTypeOf<number>().toExtend<DocumentId>();
    expectTypeOf<bigint>().toExtend<DocumentId>();
    expectTypeOf<mongoose.Types.ObjectId>().toExtend<DocumentId>();
    expectTypeOf<mongoose.Types.UUID>().toExtend<DocumentId>();
    expectTypeOf<null>().not.toExtend<DocumentId>();
    expectTypeOf<undefined>().not.toExtend<DocumentId>();
    expectTypeOf<string[]>().not.toExtend<DocumentId>();
    expectTypeOf<{ $gt: string }>().not.toExtend<DocumentId>();
    expectTypeOf<Date>().not.toExtend<DocumentId>();
  });

  it("a transaction answers what its function answers, and sessions of Mongoose's connection fit", () => {
    const run = (games: Games): unknown => games.withTransaction(async (session) => (await games.findOne('id', { session }))?.gold);
    expectTypeOf(run).toBeFunction();
    const answered = async (games: Games): Promise<number | undefined> => games.withTransaction(async (session) => (await games.findOne('id', { session }))?.gold);
    expectTypeOf(answered).returns.resolves.toEqualTypeOf<number | undefined>();
    expectTypeOf<mongoose.mongo.ClientSession>().toExtend<TransactionSession>();
    expectTypeOf<mongoose.ClientSession>().toExtend<TransactionSession>();
  });

  it('answers are not any', () => {
    expectTypeOf<Answer<'findOne'>>().not.toBeAny();
    expectTypeOf<Answer<'findOneAndUpsert'>['document']>().not.toBeAny();
    expectTypeOf<Answer<'findOneAndUpdate'>['diff']['set'][string]>().toBeUnknown();
  });
});
