import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { bootstrap } from '../../src/bootstrap.js';
import { launchBrowser } from '../../tools/browser.mjs';
import { eventually, newId, type RunningApp, startApp, testDatabase } from '../support/start-app.js';
import { RaidPage, type Visitor } from './raid-page.js';

jest.setTimeout(180_000); // only bounds a failure: a browser on a busy machine takes its time

/** Whatever JSON comes back. */
interface Answer {
  readonly status: number;
  readonly body: ReturnType<typeof JSON.parse>;
}

interface StoredGame {
  readonly version: number;
  readonly boss: { readonly hp: number };
  readonly heroes?: readonly { readonly name: string; readonly hits: number; readonly damage: number; readonly gold: number }[];
}

describe('The live page in a browser', () => {
  let running: RunningApp;
  let browser: Browser;
  let url: string;
  const open: RaidPage[] = [];

  beforeAll(async () => {
    running = await startApp('raid');
    url = `http://127.0.0.1:${running.port}`;
    browser = await launchBrowser();
  });
  afterEach(async () => {
    const complaints = open.flatMap((page) => page.complaints);
    await Promise.all(open.splice(0).map((page) => page.close()));
    if (complaints.length > 0) throw new Error(`The page complained:\n${complaints.join('\n')}`);
  });
  afterAll(async () => {
    await browser?.close();
    await running?.app.close(); // the one that was started anew
    await running?.close();
  });

  const visit = async (visitor: Visitor): Promise<RaidPage> => {
    const page = await RaidPage.open(browser, url, visitor);
    open.push(page);
    return page;
  };
  const send = async (method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await fetch(url + path, { method, headers: { 'content-type': 'application/json', 'x-client-id': 'test', ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return { status: answer.status, body: await answer.json() };
  };
  const newRaid = async (boss = 'The Iron Warden', hp = 500): Promise<string> => {
    const id = newId();
    expect((await send('PUT', `/games/${id}`, { name: `Raid on ${boss}`, boss: { name: boss, hp } })).status).toBe(201);
    return id;
  };
  const hit = (id: string, hero: string, damage = 10) => send('POST', `/games/${id}/hits`, { hero, damage });
  const stored = async (id: string): Promise<StoredGame> => (await send('GET', `/games/${id}`)).body;
  /** The browser logs an answer that was asked for on purpose, sooner or later: waited for, and taken away. */
  const complainsOf = async (page: RaidPage, status: number): Promise<void> => {
    const isMeant = (complaint: string): boolean => complaint.includes(`status of ${status}`);
    await eventually(() => expect(page.complaints.filter(isMeant)).not.toEqual([]));
    page.complaints.splice(0, Infinity, ...page.complaints.filter((complaint) => !isMeant(complaint)));
  };
  const isUpToDate = async (page: RaidPage, id: string): Promise<void> => {
    await eventually(async () => {
      const { version, boss, heroes = [] } = await stored(id);
      const expected = heroes.toSorted((a, b) => b.damage - a.damage).map(({ name, hits, damage, gold }) => [name, String(hits), String(damage), String(gold)]);
      expect(await page.version()).toBe(version);
      expect(await page.shown()).toEqual({ hp: boss.hp, heroes: expected });
      const lines = await page.logged();
      expect(lines[0]).toBe(version);
      expect(lines).toEqual(Array.from(lines, (_, index) => version - index));
    });
  };

  it('a raid opened in one window is found and struck in another, and both move', async () => {
    const [ada, bob] = [await visit({ name: 'Ada' }), await visit({ name: 'Bob' })];
    await ada.page.goto(url);
    await ada.page.getByLabel('A new boss').fill('Old Cinderjaw');
    await ada.page.getByRole('button', { name: 'Open a raid' }).click();
    await ada.page.getByRole('heading', { name: 'Old Cinderjaw' }).waitFor();
    const id = /raid=([0-9a-f]{24})/.exec(ada.page.url())?.[1] ?? '';

    await bob.page.goto(url);
    await bob.page.getByRole('link', { name: 'Old Cinderjaw' }).click();
    await bob.page.locator('#connection[data-state="live"]').waitFor();
    await ada.strike(3);
    await eventually(async () => expect((await stored(id)).version).toBe(4)); // else his could come in between
    await bob.strike(2);
    await eventually(async () => expect(await stored(id)).toMatchObject({ version: 6, heroes: [{ name: 'Ada', hits: 3 }, { name: 'Bob', hits: 2 }] }));
    for (const page of [ada, bob]) await isUpToDate(page, id);
    expect(await bob.page.locator('#log > li').first().textContent()).toMatch(/^6Bob struck for \d+/);
  });

  it('a strike shows at once, before the server has answered, and is counted once', async () => {
    const id = await newRaid();
    const ada = await visit({ name: 'Ada' });
    await ada.enter(id);
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await ada.page.route('**/hits', async (route) => {
      await held;
      await route.continue();
    });
    await ada.strike();
    await eventually(async () => expect((await ada.shown()).heroes).toEqual([['Ada', '1', expect.any(String), '0']]));
    expect((await stored(id)).version).toBe(1);
    answer();
    await eventually(async () => expect((await stored(id)).version).toBe(2));
    await isUpToDate(ada, id);
  });

  it('a strike that the server refuses is taken back, and says why', async () => {
    const id = await newRaid();
    const ada = await visit({ name: 'Ada' });
    await ada.enter(id);
    await ada.page.route('**/hits', (route) => route.fulfill({ status: 409, contentType: 'application/json', body: '{"code":"RAID_FULL","message":"This raid has its 50 heroes."}' }));
    await ada.strike();
    await ada.page.getByText('Your strike did not count. This raid has its 50 heroes.').waitFor();
    await isUpToDate(ada, id);
    await complainsOf(ada, 409);
  });

  it('a window that went offline by its switch comes back with exactly what it missed', async () => {
    const id = await newRaid();
    const [ada, bob] = [await visit({ name: 'Ada' }), await visit({ name: 'Bob' })];
    for (const page of [ada, bob]) await page.enter(id);
    await ada.strike();
    for (const page of [ada, bob]) await isUpToDate(page, id);

    await bob.page.getByRole('button', { name: 'Go offline' }).click();
    await bob.page.locator('#connection[data-state="offline"]').waitFor();
    expect(await bob.page.getByRole('button', { name: 'Offline', exact: true }).getAttribute('aria-disabled')).toBe('true');
    const asked = bob.requests.length;
    await ada.strike(7);
    await eventually(async () => expect((await stored(id)).version).toBe(9));
    await isUpToDate(ada, id);
    expect(await bob.version()).toBe(2);
    expect(bob.requests.slice(asked)).toEqual([]);

    await bob.page.getByRole('button', { name: 'Come back' }).click();
    await bob.page.getByText('While you were away: 7 changes.').waitFor();
    await isUpToDate(bob, id);
    expect(await bob.page.locator('#log > .was-missed').count()).toBe(7);
    await bob.strike();
    await eventually(async () => expect((await stored(id)).version).toBe(10));
    for (const page of [ada, bob]) await isUpToDate(page, id);
  });

  it('a window whose network was cut heals by itself', async () => {
    const id = await newRaid();
    const [ada, bob] = [await visit({ name: 'Ada' }), await visit({ name: 'Bob' })];
    for (const page of [ada, bob]) await page.enter(id);
    bob.isNetworkExpected = false;
    await bob.context.setOffline(true);
    await bob.page.locator('#connection[data-state="offline"]').waitFor();
    await ada.strike(4);
    await eventually(async () => expect((await stored(id)).version).toBe(5));
    await bob.context.setOffline(false);
    await bob.page.getByText('While you were away: 4 changes.').waitFor();
    await isUpToDate(bob, id);
  });

  it('a window that was closed comes back with what was missed', async () => {
    const id = await newRaid();
    const ada = await visit({ name: 'Ada' });
    await ada.enter(id);
    await ada.strike();
    await isUpToDate(ada, id);
    await eventually(async () => expect(await ada.keptVersion()).toBe(2)); // what is not stored yet when the window closes is missed too
    await ada.page.goto(`${url}/about`);
    for (const _ of [1, 2, 3]) await hit(id, 'Bob');
    await ada.enter(id);
    await ada.page.getByText('While you were away: 3 changes.').waitFor();
    await isUpToDate(ada, id);
  });

  it('open windows heal after the application was started anew', async () => {
    const id = await newRaid();
    const ada = await visit({ name: 'Ada' });
    await ada.enter(id);
    await ada.strike();
    await isUpToDate(ada, id);
    ada.isNetworkExpected = ada.isAppExpected = false;
    await running.app.close();
    await ada.page.locator('#connection[data-state="catching-up"]').waitFor();
    const app = await bootstrap({ mongoUri: testDatabase('raid'), port: running.port, logger: false });
    Object.assign(running, { app });
    await hit(id, 'Bob');
    await ada.page.locator('#connection[data-state="live"]').waitFor();
    await isUpToDate(ada, id);
    await ada.strike();
    await eventually(async () => expect((await stored(id)).version).toBe(4));
    await isUpToDate(ada, id);
  });

  it('the boss that falls leaves its gold to the heroes, in every window', async () => {
    const id = await newRaid('Hydra', 40);
    const [ada, bob] = [await visit({ name: 'Ada' }), await visit({ name: 'Bob' })];
    for (const page of [ada, bob]) await page.enter(id);
    await hit(id, 'Bob', 30);
    await hit(id, 'Ada', 30);
    for (const page of [ada, bob]) {
      await page.page.getByText('Fallen. The loot is shared.').waitFor();
      await isUpToDate(page, id);
      expect((await page.shown()).heroes).toEqual([['Bob', '1', '30', '60'], ['Ada', '1', '10', '20']]);
      expect(await page.page.locator('#strike').getAttribute('aria-disabled')).toBe('true');
    }
    await ada.screenshot('fallen');
  });

  describe('history', () => {
    const played = async (): Promise<string> => {
      const id = await newRaid();
      for (let turn = 0; turn < 9; turn++) await hit(id, turn % 2 === 0 ? 'Ada' : 'Bob', 10 + turn);
      return id;
    };

    it('the slider travels by keyboard, without a request for each step', async () => {
      const id = await played();
      const ada = await visit({ name: 'Ada' });
      await ada.enter(id);
      await ada.page.getByRole('button', { name: 'History' }).press('Enter');
      const slider = ada.page.getByRole('slider', { name: 'Travel to a version' });
      await ada.page.getByText('Version 10 of 10').waitFor();
      await ada.page.locator('#versions button[aria-current]').waitFor();
      await slider.focus();
      const asked = ada.requests.length;
      for (const _ of [1, 2, 3, 4]) await slider.press('ArrowLeft');
      await ada.page.getByText('This is the past: version 6, read-only, 4 behind.').waitFor();
      await eventually(async () => expect(await slider.getAttribute('aria-valuetext')).toMatch(/^version 6 of 10, \d\d:\d\d:\d\d by Ada$/));
      expect(await ada.page.locator('#versions button[aria-current]').getAttribute('data-version')).toBe('6');
      expect(ada.requests.slice(asked)).toEqual([]);
      await eventually(() => expect(ada.page.url()).toMatch(/&at=6$/));

      const { body: then } = await send('GET', `/games/${id}/at/6`);
      expect(await ada.page.locator('#then dd').first().textContent()).toBe(`${then.boss.hp} of 500`);
      const changes = await ada.page.locator('#diff li').allTextContents();
      expect(changes).toEqual(expect.arrayContaining([`~changedboss.hp${then.boss.hp + 14}→${then.boss.hp}`, '~changedheroes.0.hits2→3']));
      await slider.press('Home');
      await ada.page.getByText('This is the past: version 1').waitFor();
      await slider.press('End');
      await ada.page.locator('#past').waitFor({ state: 'hidden' });
    });

    it('an address in the past opens there, while the present goes on beside it', async () => {
      const id = await played();
      const ada = await visit({ name: 'Ada' });
      await ada.enter(id, 4);
      await ada.page.getByText('This is the past: version 4, read-only, 6 behind.').waitFor();
      await hit(id, 'Bob');
      await ada.page.getByText('This is the past: version 4, read-only, 7 behind.').waitFor();
      await isUpToDate(ada, id);
      await ada.page.getByRole('button', { name: 'Back to now' }).click();
      await eventually(async () => expect(await ada.page.getByRole('slider').inputValue()).toBe('11'));
    });

    it('a long history is listed in pages and travelled from end to end', async () => {
      const id = await newRaid('Long one', 100_000);
      for (let turn = 0; turn < 129; turn++) await hit(id, 'Ada', 1);
      const ada = await visit({ name: 'Ada' });
      await ada.enter(id, 3);
      await ada.page.getByText('This is the past: version 3, read-only, 127 behind.').waitFor();
      const listed = () => ada.page.locator('#versions button').evaluateAll((buttons) => buttons.map((button) => Number(button.getAttribute('data-version'))));
      await eventually(async () => expect(await listed()).toEqual(Array.from({ length: 50 }, (_, index) => 130 - index)));
      await ada.page.getByRole('button', { name: 'Older' }).click();
      await eventually(async () => expect(await listed()).toEqual(Array.from({ length: 50 }, (_, index) => 80 - index)));
      await ada.page.getByRole('button', { name: 'Older' }).click();
      await eventually(async () => expect(await listed()).toEqual(Array.from({ length: 30 }, (_, index) => 30 - index)));
      await ada.page.locator('#versions button[data-version="2"]').click();
      await ada.page.getByText('This is the past: version 2, read-only, 128 behind.').waitFor();
      await ada.page.getByRole('button', { name: 'Newer' }).click();
      await eventually(async () => expect((await listed())[0]).toBe(80));
    });

    it('a revert asks for a reason, says what it changes, and shows in every window as a new version', async () => {
      const id = await played();
      const [ada, bob] = [await visit({ name: 'Ada' }), await visit({ name: 'Bob' })];
      await ada.enter(id, 5);
      await bob.enter(id);
      await ada.page.getByRole('button', { name: 'Revert to this version' }).click();
      const dialog = ada.page.getByRole('dialog', { name: 'Bring back version 5?' });
      await dialog.getByText('boss.hp').waitFor();
      await ada.screenshot('revert', false);
      await dialog.getByRole('button', { name: 'Revert' }).click(); // without a reason nothing happens
      expect((await stored(id)).version).toBe(10);
      await dialog.getByLabel('Why').fill('A bot played along.');
      await dialog.getByRole('button', { name: 'Revert' }).click();
      await dialog.waitFor({ state: 'hidden' });
      await eventually(async () => expect((await stored(id)).version).toBe(11));
      for (const page of [ada, bob]) await isUpToDate(page, id);
      const { body: old } = await send('GET', `/games/${id}/at/5`);
      expect(await stored(id)).toMatchObject({ boss: old.boss, heroes: old.heroes });
      expect(await bob.page.locator('#log > li').first().textContent()).toMatch(/^11Ada brought version 5 back: A bot played along\./);
      expect((await send('GET', `/games/${id}/events?limit=1000`)).body).toHaveLength(11);
    });

    it('a revert is refused when somebody was faster, shows what happened, and can then be made with it in view', async () => {
      const id = await played();
      const ada = await visit({ name: 'Ada' });
      await ada.enter(id, 5);
      await ada.page.getByRole('button', { name: 'Revert to this version' }).click();
      const dialog = ada.page.getByRole('dialog');
      await dialog.getByText('boss.hp').waitFor();
      await hit(id, 'Zoe', 33);
      await dialog.getByLabel('Why').fill('Too early');
      await dialog.getByRole('button', { name: 'Revert' }).click();
      await dialog.getByText('Nothing was changed: since version 10 this happened.').waitFor();
      expect(await dialog.getByRole('alert').textContent()).toContain('11: Zoe struck for 33');
      expect((await stored(id)).version).toBe(11);
      await ada.screenshot('revert-refused', false);
      await dialog.getByRole('button', { name: 'Revert all the same' }).click();
      await dialog.waitFor({ state: 'hidden' });
      expect((await stored(id)).version).toBe(12);
      await isUpToDate(ada, id);
      await complainsOf(ada, 412);
    });
  });

  it('hostile names and reasons are text, whatever they look like', async () => {
    const names = ['<img src=x onerror=alert(1)>', '__proto__', 'constructor', '\u202Eright to left \u0634\u062C\u0627\u0639', '{{7*7}}', 'W'.repeat(60)];
    const boss = '"><script>alert(1)</script>';
    const id = await newRaid(boss, 10_000);
    for (const name of names) expect((await hit(id, name)).status).toBe(200);
    await send('PATCH', `/games/${id}`, { gold: 1 }, { 'x-client-id': 'x'.repeat(200) });
    const reason = `<svg onload=alert(1)>${'r'.repeat(950)}`;
    expect((await send('POST', `/games/${id}/revert`, { toVersion: 7, reason }, { 'if-match': '"8"' })).status).toBe(200);
    expect((await hit(id, 'n'.repeat(1_024))).status).toBe(400);

    const ada = await visit({ name: names[0] ?? '', width: 320 });
    await ada.page.goto(url);
    await ada.page.getByRole('link', { name: boss }).waitFor();
    await ada.enter(id, 7);
    await isUpToDate(ada, id);
    expect(await ada.page.locator('#boss-name').textContent()).toBe(boss);
    expect(new Set((await ada.shown()).heroes.map(([name]) => name))).toEqual(new Set(names));
    expect(await ada.page.locator('#log').textContent()).toContain(reason);
    await ada.strike();
    await eventually(async () => expect((await stored(id)).heroes?.[0]).toMatchObject({ name: names[0], hits: 2 }));
    expect(await ada.page.locator('main :is(img, script, [onerror], [onload])').count()).toBe(0);
    expect(await ada.overflow()).toBeLessThanOrEqual(0);
    await ada.screenshot('hostile-320');
  });

  it('an address that leads nowhere says so', async () => {
    const ada = await visit({ name: 'Ada' });
    await ada.page.goto(`${url}/#raid=${newId()}`);
    await ada.page.getByRole('heading', { name: 'There is no such raid' }).waitFor();
    await ada.page.getByRole('link', { name: 'All raids' }).last().click();
    await ada.page.getByRole('heading', { name: 'Raids' }).waitFor();
    await complainsOf(ada, 404);
  });

  it('a raid is opened, struck, left, come back to and reverted by keyboard alone', async () => {
    const ada = await visit({ name: 'Ada' });
    const { keyboard } = ada.page;
    await ada.page.goto(url);
    await ada.tabTo('#me-name');
    await keyboard.type('Keyboardist');
    await ada.tabTo('#new-name');
    await keyboard.type('The Pale Engine');
    await keyboard.press('Enter');
    await ada.page.getByRole('heading', { name: 'The Pale Engine' }).waitFor();
    await ada.page.locator('#connection[data-state="live"]').waitFor();
    const id = /raid=([0-9a-f]{24})/.exec(ada.page.url())?.[1] ?? '';
    await ada.tabTo('#strike');
    for (const key of ['Enter', 'Space', 'Enter']) await keyboard.press(key);
    await eventually(async () => expect(await stored(id)).toMatchObject({ version: 4, heroes: [{ name: 'Keyboardist', hits: 3 }] }));
    await ada.tabTo('#cut');
    await keyboard.press('Enter');
    await ada.page.locator('#connection[data-state="offline"]').waitFor();
    await hit(id, 'Bob');
    await keyboard.press('Enter');
    await ada.page.getByText('While you were away: 1 change.').waitFor();
    await isUpToDate(ada, id);
    await ada.tabTo('#history-toggle');
    await keyboard.press('Enter');
    await ada.tabTo('#slider');
    await keyboard.press('Home');
    await keyboard.press('ArrowRight');
    await ada.page.getByText('This is the past: version 2, read-only, 3 behind.').waitFor();
    await ada.tabTo('#revert');
    await keyboard.press('Enter');
    await ada.page.getByRole('dialog').waitFor();
    await keyboard.type('For the keyboard');
    await keyboard.press('Enter');
    await ada.page.getByRole('dialog').waitFor({ state: 'hidden' });
    await eventually(async () => expect((await stored(id)).version).toBe(6));
    await isUpToDate(ada, id);
  });

  it('the check of the page notices what it is there for', async () => {
    const ada = await visit({ name: 'Ada' });
    await ada.page.goto(url);
    await ada.page.locator('#lobby').waitFor();
    expect(await ada.problems()).toEqual([]);
    await ada.page.evaluate(`{
      const add = (tag, text, css) => Object.assign(document.querySelector('main').appendChild(document.createElement(tag)), { textContent: text }).style.cssText = css;
      add('p', 'pale', 'color: rgb(150 150 150); background: white');
      add('button', '', 'width: 10px; height: 10px; min-height: 0; padding: 0');
      add('h5', 'deep', '');
      add('div', 'wide', 'width: 3000px');
    }`);
    expect(await ada.problems()).toEqual([
      expect.stringMatching(/^p "pale": contrast 2\.9\d \[1\.4\.3\]$/),
      'button "": has no name [4.1.2]',
      'button "": is 10 by 10 pixels [2.5.8]',
      'h5 "deep": skips a level [1.3.1]',
      expect.stringMatching(/^scrolls sideways/),
    ]);
  });

  it('what the policy forbids is noticed', async () => {
    const ada = await visit({ name: 'Ada' });
    await ada.page.goto(url);
    const answer: unknown = await ada.page.evaluate("try { document.body.innerHTML = '<b>x</b>'; 'done' } catch (error) { error.name }");
    expect(answer).toBe('TypeError');
    await ada.page.evaluate("document.body.append(Object.assign(document.createElement('img'), { src: 'https://example.invalid/x.png' }))");
    await eventually(() => expect(ada.complaints.filter((complaint) => complaint.startsWith('policy:'))).toEqual([expect.stringContaining('require-trusted-types-for'), expect.stringContaining('img-src')]));
    ada.complaints.splice(0);
  });

  it('pictures of every kind of window', async () => {
    const id = await newRaid('The Iron Warden');
    const heroes = ['Ada', 'Bjorn', 'Circe', 'Ada', 'Dara', 'Ada', 'Bjorn', 'Circe', 'Ada'];
    for (const [index, hero] of heroes.entries()) await hit(id, hero, 9 + index);
    await newRaid('Hydra of the Fen', 800);
    const visitors: (Visitor & { readonly shot: string; readonly at?: number })[] = [
      { shot: 'light', name: 'Ada', colorScheme: 'light' },
      { shot: 'dark', name: 'Ada', colorScheme: 'dark' },
      { shot: 'history-light', name: 'Ada', colorScheme: 'light', at: 7 },
      { shot: 'history-dark', name: 'Ada', colorScheme: 'dark', at: 7 },
      { shot: '320-light', name: 'Ada', width: 320, height: 640, at: 7 },
      { shot: 'zoom-200', name: 'Ada', width: 640, height: 450, colorScheme: 'dark' },
      { shot: 'forced-colors', name: 'Ada', forcedColors: 'active', at: 7 },
      { shot: 'reduced-motion', name: 'Ada', reducedMotion: 'reduce' },
    ];
    for (const { shot, at, ...visitor } of visitors) {
      const page = await visit(visitor);
      await page.page.goto(url);
      await page.page.getByRole('link', { name: 'The Iron Warden' }).first().waitFor();
      await page.screenshot(`lobby-${shot}`);
      expect(await page.problems()).toEqual([]);
      await page.enter(id, at);
      await isUpToDate(page, id);
      if (at !== undefined) await page.page.locator('#versions button[aria-current]').waitFor();
      await page.screenshot(shot);
      expect(await page.problems()).toEqual([]);
      if (at === undefined) continue;
      await page.page.getByRole('button', { name: 'Revert to this version' }).click();
      await page.page.getByRole('dialog').getByText('boss.hp').waitFor();
      expect(await page.problems()).toEqual([]);
    }
  }, 360_000);
});
