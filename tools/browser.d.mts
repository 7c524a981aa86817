import type { Browser } from 'playwright-core';

/**
 * Starts a Chromium without a window: `CHROME_PATH`, else the one of the package `@sparticuz/chromium`, unpacked once per version into the
 * user's cache, else one of the system. Throws what was tried and what helps; nobody skips a test for want of a browser.
 */
export declare function launchBrowser(): Promise<Browser>;
