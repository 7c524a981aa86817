import { describe, expect, it } from '@jest/globals';
import { findHostileKey } from './find-hostile-key.js';

describe('findHostileKey', () => {
  it.each(['{}', '[]', '1', 'null', '{"a":{"b":[1,{"c":2}]}}', '{"name":"__proto__"}'])('lets %s through', (json) => {
    expect(findHostileKey(JSON.parse(json))).toBeUndefined();
  });

  it.each(['{"__proto__":{"admin":true}}', '{"a":[{"constructor":{"prototype":1}}]}', '{"prototype":1}', '{"toString":1}', '{"a":{"valueOf":1}}'])('refuses %s', (json) => {
    expect(findHostileKey(JSON.parse(json))).toMatch(/^The key \w+ is refused\.$/);
  });

  it('refuses what is nested too deep, however deep that is', () => {
    expect(findHostileKey(JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)))).toMatch(/levels deep/);
  });
});
