// Emmett: a stream is one MongoDB document with all its events inside. The expected version comes from process memory, its best case.
import { counter } from '../documents.mjs';
import { peer } from '../peers.mjs';
import { clientOptions, eachOf, untilDone } from './contender.mjs';

const streamType = 'document';
const patience = 20;

/** @type {import('./contender.mjs').Contender} */
export const emmett = {
  name: 'emmett',
  title: 'Emmett append, version known',
  history: true,
  peer: true,
  open: (place) => open(place, false),
};

/** @type {import('./contender.mjs').Contender} */
export const emmettProjection = {
  name: 'emmett-projection',
  title: 'Emmett append, version known, with inline projection',
  history: true,
  peer: true,
  open: (place) => open(place, true),
};

async function open({ uri, database }, withProjection) {
  const { MongoClient, ObjectId } = peer('mongodb');
  const { getMongoDBEventStore, toStreamName } = peer('@event-driven-io/emmett-mongodb');
  const client = await MongoClient.connect(inDatabase(uri, database), clientOptions);
  const store = getMongoDBEventStore({ client, ...(withProjection ? { projections: [stateProjection()] } : {}) });
  const streams = await store.collectionFor(streamType); // builds its index
  const versions = new Map();

  const append = async (id, event, expectedStreamVersion) => {
    const { nextExpectedStreamVersion } = await store.appendToStream(toStreamName(streamType, id), [event], { expectedStreamVersion });
    versions.set(id, nextExpectedStreamVersion);
  };
  const write = (id) =>
    untilDone(async (attempt) => {
      // only a write from elsewhere, or one of unknown outcome, could leave the known version behind
      if (attempt % patience === 0) versions.set(id, await storedVersion(streams, toStreamName(streamType, id)));
      await append(id, { type: 'Added', data: { amount: 1 } }, versions.get(id));
    }, isConflict);

  return {
    ObjectId,
    toId: (hex) => hex,
    plant: (contents) => eachOf(contents, 32, (content) => append(String(content._id), { type: 'Created', data: content }, 'STREAM_DOES_NOT_EXIST')),
    write,
    isRefused: isConflict,
    records: () => recordsOf(streams),
    stored: () => storedStates(streams, withProjection),
    partial: !withProjection,
    close: () => client.close(),
  };
}

/** A lost race is its own error or, mostly, the driver's duplicate key. */
function isConflict(error) {
  return error?.errorCode === 412 || error?.code === 11_000;
}

function stateProjection() {
  const { mongoDBInlineProjection } = peer('@event-driven-io/emmett-mongodb');
  return { type: 'inline', projection: mongoDBInlineProjection({ name: 'state', canHandle: ['Created', 'Added'], evolve }) };
}

function evolve(state, { type, data }) {
  return type === 'Created' ? data : { ...state, [counter]: state[counter] + data.amount };
}

async function storedVersion(streams, streamName) {
  const { metadata } = await streams.findOne({ streamName }, { projection: { metadata: 1 }, useBigInt64: true });
  return metadata.streamPosition;
}

async function* recordsOf(streams) {
  for await (const { metadata, messages } of streams.find().sort({ streamName: 1 })) {
    for (const { type, data, metadata: { streamPosition } } of messages) {
      const change = type === 'Created' ? { create: data } : { add: { [counter]: data.amount } };
      yield { id: metadata.streamId, record: { number: Number(streamPosition), ...change, set: { version: Number(streamPosition) } } };
    }
  }
}

async function storedStates(streams, withProjection) {
  const found = new Map();
  for await (const { metadata, projections } of streams.find({}, { projection: { messages: 0 } })) {
    const version = Number(metadata.streamPosition);
    const { _metadata, ...state } = withProjection ? projections.state : {};
    found.set(metadata.streamId, { ...state, version });
  }
  return found;
}

/** It takes the database from the connection string. */
export function inDatabase(uri, database) {
  const place = new URL(uri);
  place.pathname = `/${database}`;
  return place.href;
}
