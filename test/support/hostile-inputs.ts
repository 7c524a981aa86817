/** One corpus for every door: what an attacker or a broken client sends. Each list says what all its members are not. */

/** No position in any history. */
export const noCursors: readonly string[] = [
  '-1', '1.5', 'NaN', 'Infinity', '1e3', '0x10', '01', '+1', ' 1', '9007199254740992', '99999999999999999999999', '١', 'null', 'undefined', 'true', '{}', '[]',
  '{"$gt":""}', "1'; drop", '1%00', '1\t', '__proto__', 'constructor', '9'.repeat(5_000),
];

/** No epoch. */
export const noEpochs: readonly string[] = ['', 'a.b', 'seventeen-letters', 'ä', 'a b', 'a/b', '<script>', '$ne', '../..', 'x'.repeat(9_000)];

/** No id of a document whose `_id` is an ObjectId. */
export const noIds: readonly string[] = [
  'x', '1', '665f1c2e9b1e8a001234567', '665f1c2e9b1e8a00123456789', 'zzzzzzzzzzzzzzzzzzzzzzzz', '__proto__', 'constructor', '{"$ne":null}', '{"$gt":""}', '[object Object]', 'null', 'undefined',
  'twelve bytes', '665f1c2e9b1e8a0012345678\u0000', '../games', 'ä'.repeat(12), 'x'.repeat(3_000),
];

/** No collection that can be followed. */
export const noCollections: readonly string[] = ['game', 'GAMES', 'games_events', 'games_streams', 'system.users', 'admin', '__proto__', 'constructor', 'toString', '$cmd', 'games\u0000', '%'];

/** No body of a request for many documents. */
export const noBodies: readonly unknown[] = [
  null, 1, 'text', [], {}, { docs: null }, { docs: [] }, { docs: {} }, { docs: 'games/1' }, { docs: { '': null } }, { docs: { games: null } }, { docs: { '/': null } },
  { docs: { 'games/{"$ne":null}': null } }, { docs: { 'games/x': null } }, { docs: { 'games/665f1c2e9b1e8a0012345678': 1 } }, { docs: { 'games/665f1c2e9b1e8a0012345678': { $ne: null } } },
  { docs: { 'games/665f1c2e9b1e8a0012345678': { v: 1 } } }, { docs: { 'games/665f1c2e9b1e8a0012345678': { v: -1, epoch: 'a' } } }, { docs: { 'games/665f1c2e9b1e8a0012345678': { v: 1, epoch: { $gt: '' } } } },
  { docs: { 'games/665F1C2E9B1E8A0012345678': null } }, { docs: { 'games/665f1c2e9b1e8a0012345678': null }, $where: '1' },
  JSON.parse('{"docs":{"__proto__":null}}'), JSON.parse('{"__proto__":{"docs":{}},"docs":{"constructor":null}}'),
  { docs: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`games/${index.toString(16).padStart(24, '0')}`, null])) },
];

/** Origins that are not ours. */
export const foreignOrigins: readonly string[] = ['https://evil.example', 'null', 'http://127.0.0.1', 'http://127.0.0.1.evil.example', 'javascript:alert(1)', 'not an origin', ''];
