import { fileURLToPath } from 'node:url';
import { buildPage } from '../tools/build-page.mjs';
import { startTestDatabase } from '../tools/test-database.mjs';

/** The page is built from its sources, so that no test looks at an old one. */
export default async function setUp() {
  await buildPage(fileURLToPath(new URL('..', import.meta.url)));
  await startTestDatabase();
}
