import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';

const inPage = readFileSync(new URL('accessibility.in-page.js', import.meta.url), 'utf8');
const artefacts = fileURLToPath(new URL('../../test-artifacts', import.meta.url));

/** How a visitor has set the browser. */
export interface Visitor {
  readonly name: string;
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce' | 'no-preference';
  readonly forcedColors?: 'active' | 'none';
}

/** One window on the raid, in a browser profile of its own, and everything that it complains about. */
export class RaidPage {
  /** Refusals of the content security policy, errors of scripts and of the console, requests to elsewhere. */
  readonly complaints: string[] = [];
  /** Paths of the requests that were made, in their order. */
  readonly requests: string[] = [];
  /** While the network is cut on purpose, the browser says so in its console. */
  isNetworkExpected = true;
  /** While the application itself is stopped on purpose, it turns away what it does not begin any more. */
  isAppExpected = true;

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    private readonly url: string,
  ) {}

  static async open(browser: Browser, url: string, { name, width = 1280, height = 900, ...settings }: Visitor): Promise<RaidPage> {
    const context = await browser.newContext({ viewport: { width, height }, locale: 'en-GB', timezoneId: 'UTC', ...settings });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000); // only bounds a failure
    const raid = new RaidPage(page, context, url);
    await raid.listen();
    await page.addInitScript({ content: `sessionStorage.setItem('boss-raid-name', ${JSON.stringify(name)})` });
    return raid;
  }

  private async listen(): Promise<void> {
    const { page, complaints } = this;
    await page.exposeFunction('complain', (what: string) => void complaints.push(what));
    await page.addInitScript({
      content: "document.addEventListener('securitypolicyviolation', (event) => complain(`policy: ${event.violatedDirective} ${event.blockedURI}`))",
    });
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      if (!this.isNetworkExpected && message.text().includes('net::ERR_')) return;
      if (!this.isAppExpected && message.text().includes('status of 503')) return;
      complaints.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      const { origin, pathname, protocol } = new URL(request.url());
      if (protocol !== 'data:' && origin !== this.url) complaints.push(`request to ${origin}`);
      this.requests.push(pathname);
    });
  }

  async enter(id: string, at?: number): Promise<void> {
    await this.page.goto(`${this.url}/#raid=${id}${at === undefined ? '' : `&at=${at}`}`);
    await this.page.locator('#connection[data-state="live"]').waitFor();
  }

  async strike(times = 1): Promise<void> {
    for (let done = 0; done < times; done++) await this.page.getByRole('button', { name: 'Strike' }).click();
  }

  /** The version that is shown, once the page has told the log up to it. */
  async version(): Promise<number> {
    return Number(await this.page.locator('#raid').getAttribute('data-version'));
  }

  /** The numbers of the log's lines, newest first. */
  logged(): Promise<number[]> {
    return this.page.locator('#log > li').evaluateAll((lines) => lines.map((line) => Number(line.getAttribute('data-version'))));
  }

  /** The version up to which the browser has stored the raid, for the next visit. */
  keptVersion(): Promise<unknown> {
    return this.page.evaluate(`new Promise((resolve, reject) => {
      const opening = indexedDB.open('boss-raid');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const reading = opening.result.transaction('boss-raid').objectStore('boss-raid').getAll();
        reading.onerror = () => reject(reading.error);
        reading.onsuccess = () => {
          opening.result.close();
          resolve(reading.result.find(({ v }) => v !== undefined)?.v);
        };
      };
    })`);
  }

  /** What a visitor could have trouble with, in what is visible now. */
  problems(): Promise<string[]> {
    return this.page.evaluate(inPage);
  }

  /** Goes on by the tabulator key until that element has the focus; it must then be visible that it has. */
  async tabTo(selector: string): Promise<void> {
    for (let pressed = 0; pressed < 80; pressed++) {
      await this.page.keyboard.press('Tab');
      const focused = this.page.locator(`${selector}:focus`);
      if ((await focused.count()) === 0) continue;
      const outline: unknown = await this.page.evaluate("(({ outlineStyle, outlineWidth }) => outlineStyle === 'none' ? 0 : parseFloat(outlineWidth))(getComputedStyle(document.activeElement))");
      if (outline !== 3) throw new Error(`the focus on ${selector} is not visible`);
      return;
    }
    throw new Error(`${selector} cannot be reached by keyboard`);
  }

  /** How much wider the content is than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  }

  /** What is shown of boss and heroes, to be compared with the stored game. */
  async shown(): Promise<{ hp: number; heroes: string[][] }> {
    const hp = Number(await this.page.locator('#hp').getAttribute('aria-valuenow'));
    const heroes = await this.page.locator('#hero-rows > tr').evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => (cell.textContent ?? '').replaceAll(',', ''))));
    return { hp, heroes };
  }

  /** For people to look at: kept in `test-artifacts`. */
  async screenshot(name: string, fullPage = true): Promise<void> {
    mkdirSync(artefacts, { recursive: true });
    await this.page.screenshot({ path: `${artefacts}/raid-${name}.png`, fullPage, animations: 'disabled' });
  }

  close(): Promise<void> {
    return this.context.close();
  }
}
