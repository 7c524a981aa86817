import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.js';
import { readMongoUri, readPort } from './settings.js';

export { bootstrap, type BootstrapOptions } from './bootstrap.js';

if (isEntry()) {
  run().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1); // a half-started application may hold connections open
  });
}

/** `node dist/main.js`: takes its settings from the environment and ends with the signals of the process. */
async function run(): Promise<void> {
  const app = await bootstrap({ mongoUri: readMongoUri(process.env), port: readPort(process.env) });
  app.enableShutdownHooks();
  console.log(`Boss raid listens on ${await app.getUrl()}`);
}

/** Whether this file is what node was asked to run, also through a link or without the ending of its name. */
function isEntry(): boolean {
  const asked = process.argv[1] ?? '';
  return [asked, `${asked}.js`].some((file) => existsSync(file) && realpathSync(file) === fileURLToPath(import.meta.url));
}
