import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** One file of the page, as it is sent. */
export interface PageFile {
  readonly content: Buffer;
  /** Of the content: a browser asks whether it has changed and keeps what has not. */
  readonly etag: string;
}

/** What `tools/build-page.mjs` made, read once at start. */
export class PageFiles {
  readonly html: PageFile = read('raid.html');
  readonly script: PageFile = read('raid.js');
  readonly styles: PageFile = read('raid.css');
}

/** As deep from `src/raid` as from `dist/raid`. */
function read(name: string): PageFile {
  const file = new URL(`../../dist/page/${name}`, import.meta.url);
  try {
    const content = readFileSync(file);
    return { content, etag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"` };
  } catch (error) {
    throw new Error(`The page was not built (${name} is missing): npm run build`, { cause: error });
  }
}
