import { afterAll, beforeAll, describe, it } from '@jest/globals';
import fc from './examples.js';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { CommitOutcome, DocumentChange } from '../write/document-change.js';
import { assertSame } from './assert-same.js';
import { Changes, type ChangeOptions } from './changes.js';
import { assertFoldIsDocument } from './fold.js';
import type { CreateStorageFixture, StorageFixture } from './storage-fixture.js';

/** How much is tried. */
export interface DifferentialOptions {
  /** Repeats one run; printed when a run fails. @default a new one each time */
  readonly seed?: number;
  /** How many sequences of operations. @default 50 */
  readonly runs?: number;
  /** After which no further one is begun, in ms. @default 30_000 */
  readonly timeMs?: number;
}

/** What is wrong with the changes of one document in a flight. */
type Defect = 'none' | 'behind' | 'ahead' | 'exists' | 'repeated' | 'tombstone ignored';

/** Some changes of one document, not yet knowing what there is. */
interface ChainPlan {
  readonly document: number;
  readonly defect: Defect;
  readonly steps: readonly StepPlan[];
}

interface StepPlan {
  readonly deletes: boolean;
  readonly edits: readonly EditPlan[];
  readonly facts: ChangeOptions;
}

interface EditPlan {
  readonly path: readonly string[];
  /** `undefined` removes the path. */
  readonly value: unknown;
}

type Plan = { readonly kind: 'flight'; readonly chains: readonly ChainPlan[] } | { readonly kind: 'transaction'; readonly chains: readonly ChainPlan[]; readonly commits: boolean };

const documentsPerRun = 3;

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc.boolean(),
  fc.constant(null),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom('', 'a.b', '$a'),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('any'), { maxLength: 4 }), fc.dictionary(fc.constantFrom('a', 'b', 'c', '0', 'd.e', '$f', 'ü'), tie('any'), { maxKeys: 4 })),
})).any;
const edit: fc.Arbitrary<EditPlan> = fc.record({
  path: fc.array(fc.constantFrom('a', 'b', 'c', '0', '1', 'ü'), { minLength: 1, maxLength: 3 }),
  value: fc.option(value, { nil: undefined, freq: 4 }),
});
const step: fc.Arbitrary<StepPlan> = fc.record({
  deletes: fc.boolean(),
  edits: fc.array(edit, { maxLength: 4 }),
  facts: fc.record({ clientId: fc.constantFrom('game-server', 'admin-panel'), timestamp: fc.integer({ min: 0, max: 2_000_000_000_000 }).map((ms) => new Date(ms)) }),
});
const chain: fc.Arbitrary<ChainPlan> = fc.record({
  document: fc.nat({ max: documentsPerRun - 1 }),
  defect: fc.oneof({ weight: 3, arbitrary: fc.constant('none' as const) }, { weight: 1, arbitrary: fc.constantFrom<Defect>('behind', 'ahead', 'exists', 'repeated', 'tombstone ignored') }),
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
});
const chains = fc.uniqueArray(chain, { selector: ({ document }) => document, minLength: 1, maxLength: documentsPerRun });
const plan: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flight' as const), chains }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('transaction' as const), chains, commits: fc.boolean() }) },
);

/** The same random operations on two stores have the same outcomes, documents and events. Ids are made by the first one. */
export function describeDifferential(name: string, createOne: CreateStorageFixture, createOther: CreateStorageFixture, options: DifferentialOptions = {}): void {
  describe(`${name}: the same operations on two stores`, () => {
    let one: StorageFixture;
    let other: StorageFixture;

    beforeAll(async () => {
      one = await createOne();
      other = await createOther();
      assertSame(other.versionField, one.versionField, 'the version field of the second store');
    });
    afterAll(async () => {
      await one.close();
      await other.close();
    });

    it('have the same outcomes, documents and events, and each event log folds to its document', () => compareStores(one, other, options));
  });
}

/** The check behind {@link describeDifferential}. @throws Error with seed and smallest example when the stores differ */
export async function compareStores(one: StorageFixture, other: StorageFixture, { seed, runs: numRuns = 50, timeMs = 30_000 }: DifferentialOptions = {}): Promise<void> {
  const property = fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 8 }), async (plans) => {
    const ids = Array.from({ length: documentsPerRun }, () => one.newId());
    for (const each of plans) {
      const flight = await flightOf(each.chains, ids, one);
      const outcomes = await perform(each, flight, one);
      assertSame((await perform(each, flight, other)).map(inWords), outcomes.map(inWords), `what the second store answers to ${flight.map(inShort).join(', ')}`);
      for (const id of ids) await compare(id, one, other);
    }
  });
  await fc.assert(property, { numRuns, interruptAfterTimeLimit: timeMs, ...(seed === undefined ? {} : { seed }) });
}

async function perform(plan_: Plan, flight: readonly DocumentChange[], fixture: StorageFixture): Promise<readonly CommitOutcome[]> {
  if (plan_.kind === 'flight') return fixture.committer.commit(flight, { deadline: Infinity });
  const transaction = await fixture.startTransaction();
  const outcomes: CommitOutcome[] = [];
  for (const change of flight) {
    outcomes.push(await fixture.committer.writeInTransaction(change, transaction.session));
    if (outcomes.at(-1)?.kind !== 'committed') break;
  }
  await (plan_.commits && outcomes.every(({ kind }) => kind === 'committed') ? transaction.commit() : transaction.abort());
  return outcomes;
}

async function compare(id: DocumentId, one: StorageFixture, other: StorageFixture): Promise<void> {
  assertSame(await other.reader.read(id), await one.reader.read(id), `the second store's document ${idKey(id)}`);
  assertSame(await other.events.read(id, {}), await one.events.read(id, {}), `the second store's events of ${idKey(id)}`);
  await assertFoldIsDocument(one, id);
  await assertFoldIsDocument(other, id);
}

async function flightOf(plans: readonly ChainPlan[], ids: readonly DocumentId[], fixture: StorageFixture): Promise<DocumentChange[]> {
  const flight: DocumentChange[] = [];
  for (const each of plans) flight.push(...(await changesOf(each, ids[each.document] as DocumentId, fixture)));
  return flight;
}

/** Makes a plan fit what is stored, so that only its defect stands in its way. A delete ends the chain. */
async function changesOf({ defect, steps }: ChainPlan, id: DocumentId, fixture: StorageFixture): Promise<DocumentChange[]> {
  const changes = new Changes(fixture.versionField);
  const head = await fixture.events.head(id);
  let image = defect === 'exists' ? null : await fixture.reader.read(id);
  const first = Math.max(0, (head?.serverSeq ?? 0) + shiftOf(defect, image));
  const row: DocumentChange[] = [];
  for (const { deletes, edits, facts } of steps) {
    const operation = defect === 'repeated' && row.length === 0 && head !== null ? { operationId: head.operationId } : {};
    const options: ChangeOptions = { ...facts, ...operation, expectedVersion: first + row.length };
    const change = changeOf(changes, id, image, deletes, edits, options);
    row.push(change);
    image = change.after;
    if (image === null) break;
  }
  return row;
}

function shiftOf(defect: Defect, image: Image | null): number {
  if (image === null) return defect === 'tombstone ignored' ? -1 : 0;
  return defect === 'ahead' ? 3 : defect === 'behind' ? -1 : 0;
}

function changeOf(changes: Changes, id: DocumentId, image: Image | null, deletes: boolean, edits: readonly EditPlan[], options: ChangeOptions): DocumentChange {
  if (image === null) return changes.create(id, draftOf(edits), options);
  return deletes ? changes.delete(image, options) : changes.update(image, (draft) => applyEdits(draft, edits), options);
}

function draftOf(edits: readonly EditPlan[]): Image {
  const draft: Image = {};
  applyEdits(draft, edits);
  return draft;
}

function applyEdits(draft: Image, edits: readonly EditPlan[]): void {
  for (const { path, value: wanted } of edits) {
    let container = draft;
    for (const key of path.slice(0, -1)) {
      if (!isContainer(container[key])) container[key] = {};
      container = container[key] as Image;
    }
    const last = path.at(-1) ?? 'a';
    if (wanted === undefined) delete container[last];
    else container[last] = structuredClone(wanted);
  }
}

/** An array is one too; its keys are indexes, or names that are not stored. */
function isContainer(found: unknown): boolean {
  return typeof found === 'object' && found !== null && !(found instanceof Date);
}

function inWords(outcome: CommitOutcome): string {
  if (outcome.kind === 'conflict') return outcome.pending ? 'pending conflict' : 'conflict';
  return outcome.kind === 'rejected' && 'code' in outcome.error ? `rejected ${String(outcome.error.code)}` : outcome.kind;
}

function inShort({ key, expectedVersion, event }: DocumentChange): string {
  return `${event.operation} ${key}@${expectedVersion}`;
}
