// The verdicts on the bars: from ratios within a round, never across rounds.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bars, judged } from './bars.mjs';
import { contenders } from './contenders/index.mjs';
import { recountOf } from './report.mjs';
import { percentile, spread } from './statistics.mjs';
import { workloads } from './workloads.mjs';

const cell = (contender, round, opsPerSecond) => ({ workload: 'many-8', contender, round, opsPerSecond });
const bar = (cells) => judged({ cells }).find(({ workload, against }) => workload === 'many-8' && against === 'mongoose-update');

const lone = (contender, p50) => ({ workload: 'lone', contender, round: 1, p50 });
const loneBar = (p50) =>
  judged({ cells: [lone('ours', p50), lone('mongoose-update', 1)] }).find(({ workload, against }) => workload === 'lone' && against === 'mongoose-update');

describe('a bar', () => {
  it('is judged by the median of the ratios of each round', () => {
    const cells = [cell('ours', 1, 100), cell('mongoose-update', 1, 50), cell('ours', 2, 1_000), cell('mongoose-update', 2, 1_000)];
    const { ratio, rounds, met } = bar([...cells, cell('ours', 3, 120), cell('mongoose-update', 3, 100)]);
    assert.deepEqual({ ratio, rounds, met }, { ratio: { median: 1.2, min: 1, max: 2 }, rounds: 3, met: true });
  });

  it('is not met below its limit', () => {
    assert.equal(bar([cell('ours', 1, 104), cell('mongoose-update', 1, 100)]).met, false);
  });

  it('shows what the bare protocol reached against the same', () => {
    const cells = [cell('ours', 1, 120), cell('protocol', 1, 150), cell('mongoose-update', 1, 100)];
    assert.equal(bar(cells).ceiling, 1.5);
    assert.equal(bar(cells.filter(({ contender }) => contender !== 'protocol')).ceiling, undefined);
  });

  it('has no verdict when a side was not measured', () => {
    assert.equal(bar([cell('ours', 1, 104), { ...cell('mongoose-update', 1), failed: 'not installed' }, cell('mongoose-update', 2, 100)]).met, undefined);
  });

  it('may be an upper limit', () => {
    assert.deepEqual([loneBar(1.9).met, loneBar(2).met], [true, false]);
  });

  it('holds for a long history only when the server does the same work', () => {
    const history = { length: 10, ratios: [1, 1.1, 9], sameWork: false };
    assert.deepEqual(judged({ cells: [], history }).slice(-2).map(({ met }) => met), [true, false]);
  });

  it('speaks of a workload whose two sides are measured in every round', () => {
    for (const { workload, against } of bars) {
      const { everyRound } = workloads.find(({ name }) => name === workload);
      assert.ok(everyRound.includes('ours') && everyRound.includes(against), `${workload}: ${against}`);
    }
  });
});

describe('the plan', () => {
  it('names contenders that exist, each once', () => {
    const names = contenders.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { contenders: planned, everyRound } of workloads) {
      for (const name of planned) assert.ok(names.includes(name), name);
      for (const name of everyRound) assert.ok(planned.includes(name), name);
    }
  });
});

describe('the report', () => {
  it('never calls a contender right because one of its rounds was', () => {
    const ok = { recount: { ok: true, history: true, problems: {} } };
    const wrong = { recount: { ok: false, history: true, problems: { gap: { documents: 2, examples: ['a'] } } } };
    assert.equal(recountOf([ok, ok]), 'ok');
    assert.equal(recountOf([ok, wrong]), '**wrong** in 1 of 2: gap (2)');
  });
});

describe('statistics', () => {
  it('interpolate between neighbours', () => {
    assert.equal(percentile([4, 1, 3, 2], 50), 2.5);
    assert.equal(percentile([1, 2, 3, 4, 5], 99), 4.96);
    assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  });
});
