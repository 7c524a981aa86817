import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { clientWarnings, schemaWarnings } from './schema-warnings.js';

const { Schema } = mongoose;

describe('warnings about a schema', () => {
  it('there are none about a plain one, with timestamps, subdocuments and plugins of Mongoose', () => {
    const schema = new Schema({ name: String, kids: [new Schema({ n: Number }, { timestamps: true })] }, { timestamps: true, versionKey: 'version', autoCreate: false, autoIndex: false });
    mongoose.createConnection().model('Thing', schema); // adds Mongoose's own hooks
    expect(schemaWarnings(schema, 'version')).toEqual([]);
    expect(schemaWarnings(new Schema({ name: String }), 'version')).toEqual([]);
  });

  it('name hooks that will not run', () => {
    const schema = new Schema({ name: String });
    schema.pre('save', () => undefined);
    schema.post('validate', () => undefined);
    schema.pre('updateOne', () => undefined);
    schema.pre('findOneAndUpdate', () => undefined);
    schema.post('deleteOne', () => undefined);
    schema.pre('find', () => undefined);
    const [warning, ...others] = schemaWarnings(schema, 'version');
    expect(warning).toContain("post('validate'), pre('save'), pre('updateOne'), pre('findOneAndUpdate'), post('deleteOne')");
    expect(others).toEqual([]);
  });

  it('name hooks of a plugin and of subdocuments', () => {
    const child = new Schema({ n: Number });
    child.pre('save', () => undefined);
    const schema = new Schema({ kids: [child] });
    schema.plugin((each) => void each.pre('validate', () => undefined));
    expect(schemaWarnings(schema, 'version')[0]).toContain("pre('validate'), pre('save')");
  });

  it('tell that optimisticConcurrency does nothing', () => {
    expect(schemaWarnings(new Schema({}, { optimisticConcurrency: true }), 'version')).toEqual([expect.stringContaining('optimisticConcurrency')]);
  });

  it.each([
    [{ version: String }, 'String'],
    [{ version: { major: Number } }, 'object'],
    [{ version: BigInt }, 'BigInt'],
  ])('tell that the version field is no number: %p', (definition, kind) => {
    expect(schemaWarnings(new Schema(definition as mongoose.SchemaDefinition), 'version')).toEqual([expect.stringContaining(`is declared as ${kind}`)]);
  });

  it('tell that an _id of its kind is not supported', () => {
    expect(schemaWarnings(new Schema({ _id: Date }), 'version')).toEqual([expect.stringContaining('_id is declared as Date')]);
    expect(schemaWarnings(new Schema({ _id: String }), 'version')).toEqual([]);
  });

  it('tell that nothing counts the versionKey', () => {
    expect(schemaWarnings(new Schema({}, { versionKey: 'rev' }), 'version')).toEqual([expect.stringContaining('versionKey is "rev"')]);
    expect(schemaWarnings(new Schema({}, { versionKey: false }), 'version')).toEqual([]);
  });

  it('survive a schema that contains itself', () => {
    const tree = new Schema({ name: String });
    tree.add({ children: [tree] });
    expect(schemaWarnings(tree, 'version')).toEqual([]);
  });
});

describe('warnings about a client', () => {
  const warningsFor = (options: mongoose.mongo.MongoClientOptions): string[] => {
    const client = new mongoose.mongo.MongoClient('mongodb://127.0.0.1:1', options); // never connected
    return clientWarnings({ getClient: () => client } as unknown as mongoose.Connection);
  };

  it('name what keeps a silent primary in office', () => {
    expect(warningsFor({})).toEqual([expect.stringContaining('socketTimeoutMS'), expect.stringContaining('heartbeatFrequencyMS is 10000')]);
    expect(warningsFor({ socketTimeoutMS: 5_000 })).toEqual([expect.stringContaining('heartbeatFrequencyMS')]);
    expect(warningsFor({ socketTimeoutMS: 5_000, heartbeatFrequencyMS: 1_000 })).toEqual([]);
  });

  it('there are none before the connection is opened', () => {
    expect(clientWarnings(mongoose.createConnection())).toEqual([]);
  });
});
