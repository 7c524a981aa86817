import { describe, expect, it } from '@jest/globals';
import { type AuthInfo, rightsFindings } from './rights.js';

const names = { documents: 'games', events: 'games_events', snapshots: 'games_snapshots', streams: 'games_streams', leases: 'ess_leases' };
const all = ['find', 'insert', 'update', 'remove', 'changeStream'];

function user(...privileges: NonNullable<AuthInfo['authenticatedUserPrivileges']>): AuthInfo {
  return { authenticatedUsers: [{ user: 'app', db: 'admin' }], authenticatedUserPrivileges: privileges };
}

describe('the rights of a user', () => {
  it('a user who may do everything may change histories, which is a warning for each way', () => {
    const findings = rightsFindings(user({ resource: { db: 'play', collection: '' }, actions: all }), 'play', names);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'warning', 'warning']);
  });

  it('a user who may only add events is what the storage asks for', () => {
    const rest = Object.values(names).filter((name) => name !== names.events);
    const findings = rightsFindings(
      user(...rest.map((collection) => ({ resource: { db: 'play', collection }, actions: all })), { resource: { db: 'play', collection: names.events }, actions: ['find', 'insert', 'changeStream'] }),
      'play',
      names,
    );
    expect(findings).toEqual([{ level: 'ok', topic: 'rights', message: 'app@admin may do what the storage does' }]);
  });

  it('what is missing is named by collection and action; rights elsewhere do not count', () => {
    const findings = rightsFindings(user({ resource: { db: 'other', collection: '' }, actions: all }, { resource: { db: 'play', collection: '' }, actions: ['find'] }), 'play', names);
    expect(findings).toHaveLength(5);
    expect(findings[1]).toEqual({ level: 'missing', topic: 'rights', message: 'app@admin may not insert, changeStream in "games_events"' });
  });

  it('a server that asks nobody is a warning', () => {
    expect(rightsFindings({ authenticatedUsers: [] }, 'play', names)).toMatchObject([{ level: 'warning' }]);
  });
});
