import { describe, expect, it } from '@jest/globals';
import { type Outcome, simulate, type SimulationOptions } from './testing/simulation.js';

const seeds = Number(process.env['PROOF_SIMULATIONS'] ?? 600);
const first = Number(process.env['SEED'] ?? 1);

async function simulateAll(count: number, options: SimulationOptions = {}): Promise<{ checked: number; wrong: string[]; behind: string[]; happened: Map<string, number> }> {
  const all = { checked: 0, wrong: [] as string[], behind: [] as string[], happened: new Map<string, number>() };
  for (let seed = first; seed < first + count; seed++) {
    const { checked, wrong, behind, happened }: Outcome = await simulate(seed, options);
    all.checked += checked;
    all.wrong.push(...wrong.map((text) => `SEED=${seed} ${text}`));
    all.behind.push(...behind.map((text) => `SEED=${seed} ${text}`));
    for (const [name, times] of happened) all.happened.set(name, (all.happened.get(name) ?? 0) + times);
  }
  return all;
}

describe('Clients against a model of the server', () => {
  it('show and store nothing but states that the document had, and have the last one in the end, whatever happens on the way', async () => {
    const { checked, wrong, behind, happened } = await simulateAll(seeds);
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(behind.slice(0, 3)).toEqual([]);
    expect(checked).toBeGreaterThan(seeds * 50);
    expect(Array.from(happened).filter(([, times]) => times < seeds / 10)).toEqual([]);
  }, 1_200_000);

  it.each([
    ['no floor check', { flaws: { noFloorCheck: true }, rules: { follows: (v: number, local: number) => v > local } }],
    ['no epoch check', { flaws: { noEpochCheck: true }, rules: { isSame: (): boolean => true } }],
    ['neither epoch nor ahead check', { flaws: { noEpochCheck: true, noAheadCheck: true }, rules: { isSame: (): boolean => true, isBehind: (): boolean => false } }],
  ])('notice a protocol with %s', async (_name, options) => {
    const { checked, wrong } = await simulateAll(100, options);
    expect(wrong.length / checked).toBeGreaterThan(0.015);
  });

  it('stay behind, but show nothing wrong, when only the server forgets to check its floor', async () => {
    const { wrong, behind } = await simulateAll(100, { flaws: { noFloorCheck: true } });
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(behind.length).toBeGreaterThan(0);
  });

  it('depend on nothing but the seed', async () => {
    expect(await simulate(7)).toEqual(await simulate(7));
  });
});
