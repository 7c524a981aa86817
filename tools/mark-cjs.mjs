// Node reads the CommonJS build of the library as CommonJS only when the folder says so.
import { writeFileSync } from 'node:fs';

writeFileSync(new URL('../libs/event-sourced-storage/dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
