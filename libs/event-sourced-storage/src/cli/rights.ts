import type { CollectionNames } from './collections.js';
import type { Finding } from './finding.js';

/** What the server says of the user of a connection. */
export interface AuthInfo {
  readonly authenticatedUsers: readonly { readonly user: string; readonly db: string }[];
  readonly authenticatedUserPrivileges?: readonly Privilege[];
}

interface Privilege {
  readonly resource: { readonly db?: string; readonly collection?: string; readonly anyResource?: boolean };
  readonly actions: readonly string[];
}

type Role = keyof CollectionNames | 'leases';

/** What the storage does in each collection. */
const needed: Readonly<Record<Role, readonly string[]>> = {
  documents: ['find', 'insert', 'update', 'remove'],
  events: ['find', 'insert', 'changeStream'],
  snapshots: ['find', 'insert', 'update', 'remove'],
  streams: ['find', 'insert', 'update'],
  leases: ['find', 'insert', 'update', 'remove'],
};
/** What makes an append-only history more than a promise, where the user has it not. */
const excess: Readonly<Record<string, string>> = {
  update: 'the user may update events: nothing of the storage does, so take this right away',
  remove: 'the user may remove events: only compact and purge need it, give them a user of their own',
};

/** What the user may do, against what the storage does. Pure. */
export function rightsFindings({ authenticatedUsers, authenticatedUserPrivileges = [] }: AuthInfo, database: string, names: Readonly<Record<Role, string>>): Finding[] {
  if (authenticatedUsers.length === 0) return [{ level: 'warning', topic: 'rights', message: 'nobody is logged in: the server asks nobody, or allows everything to all who reach it' }];
  const who = authenticatedUsers.map(({ user, db }) => `${user}@${db}`).join(', ');
  const may = (action: string, collection: string): boolean => authenticatedUserPrivileges.some(({ resource, actions }) => actions.includes(action) && covers(resource, database, collection));
  const missing = (Object.keys(needed) as Role[]).flatMap((role): Finding[] => {
    const lacking = needed[role].filter((action) => !may(action, names[role]));
    return lacking.length === 0 ? [] : [{ level: 'missing', topic: 'rights', message: `${who} may not ${lacking.join(', ')} in "${names[role]}"` }];
  });
  const tooMany = Object.entries(excess).flatMap(([action, message]): Finding[] => (may(action, names.events) ? [{ level: 'warning', topic: 'rights', message }] : []));
  return [...(missing.length === 0 ? [{ level: 'ok', topic: 'rights', message: `${who} may do what the storage does` } as const] : missing), ...tooMany];
}

/** An empty name in a privilege stands for all; collections of the system are not among them, and not asked for here. */
function covers({ db, collection, anyResource }: Privilege['resource'], database: string, name: string): boolean {
  if (anyResource === true) return true;
  return (db === '' || db === database) && (collection === '' || collection === name);
}
