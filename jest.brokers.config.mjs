// npm run test:brokers: what needs servers that no package brings, see test/README.md.
import base from './jest.config.mjs';

/** @type {import('jest').Config} */
export default { ...base, roots: ['<rootDir>/test/brokers'], testRegex: '\\.broker-spec\\.ts$', maxWorkers: 1 };
