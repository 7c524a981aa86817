import { describe, expect, it } from '@jest/globals';
import { databaseOf, readMongoUri, readPort, readSnapshotEvery } from './settings.js';

describe('settings', () => {
  it('have defaults', () => {
    expect(readPort({})).toBe(3_000);
    expect(readPort({ PORT: '' })).toBe(3_000);
    expect(readSnapshotEvery({})).toBe(100);
  });

  it('are taken from the environment', () => {
    expect(readPort({ PORT: '8080' })).toBe(8_080);
    expect(readPort({ PORT: '0' })).toBe(0);
    expect(readSnapshotEvery({ SNAPSHOT_EVERY: '5' })).toBe(5);
    expect(readMongoUri({ MONGODB_URI: 'mongodb://db/?replicaSet=rs0' })).toBe('mongodb://db/?replicaSet=rs0');
  });

  it.each(['abc', '-1', '65536', '80.5', '1e3', ' 80', '0x50'])('refuse the port %p by its name', (PORT) => {
    expect(() => readPort({ PORT })).toThrow(/^PORT must be a whole number from 0 to 65535/);
  });

  it('refuse to snapshot after every 0 events', () => {
    expect(() => readSnapshotEvery({ SNAPSHOT_EVERY: '0' })).toThrow(/^SNAPSHOT_EVERY must be/);
  });

  it.each([{}, { MONGODB_URI: '' }])('say that MONGODB_URI is missing: %p', (environment) => {
    expect(() => readMongoUri(environment)).toThrow(/^MONGODB_URI is missing/);
  });

  it('refuse a MONGODB_URI that is none, without printing it', () => {
    expect(() => readMongoUri({ MONGODB_URI: 'http://user:secret@db' })).toThrow(/^MONGODB_URI must start with mongodb:\/\/ or mongodb\+srv:\/\/\.$/);
  });
});

describe('databaseOf', () => {
  it.each([
    ['mongodb://127.0.0.1:27017', 'game'],
    ['mongodb://127.0.0.1:27017/', 'game'],
    ['mongodb://127.0.0.1:27017/?replicaSet=rs0', 'game'],
    ['mongodb://127.0.0.1:27017?replicaSet=rs0', 'game'],
    ['mongodb://a:1,b:2,c:3/raid?replicaSet=rs0', 'raid'],
    ['mongodb+srv://user:p%2Fw@cluster.example/raid', 'raid'],
    ['mongodb://db/?authSource=/admin', 'game'],
  ])('of %s is %s', (uri, database) => {
    expect(databaseOf(uri)).toBe(database);
  });
});
