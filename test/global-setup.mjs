import { fileURLToPath } from 'node:url';
import { buildPage } from '../tools/build-page.mjs';
import { startTestDatabase } from '../tools/test-database.mjs';

/**
 * The page is built from its sources, so that no test looks at an old one. After the database: a run without one, which a test starts, must
 * not replace the page under those that look at it.
 */
export default async function setUp() {
  await startTestDatabase();
  await buildPage(fileURLToPath(new URL('..', import.meta.url)));
}
