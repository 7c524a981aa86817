// The result of `npm run bench:isolation` as Markdown, and its bar.
import { digits, table } from './report.mjs';
import { inWords } from './server.mjs';
import { spread } from './statistics.mjs';

const atLeast = 0.8;

const speed = (round, disturbed, which) => round.find((cell) => cell.disturbed === disturbed)[which];

/** Share of their throughput that the other documents keep, round by round. */
export function keptShares({ rounds }) {
  return rounds.map((round) => speed(round, true, 'others') / speed(round, false, 'others'));
}

export function isolationBar(results) {
  const ratio = spread(keptShares(results)).median;
  return { atLeast, ratio, met: ratio >= atLeast };
}

export function isolationReport(results) {
  const { rounds, documents, writers, heldMs, seconds, seed, recount } = results;
  const row = (disturbed) => {
    const others = spread(rounds.map((round) => speed(round, disturbed, 'others')));
    const victim = spread(rounds.map((round) => speed(round, disturbed, 'victim')));
    const held = spread(rounds.map((round) => speed(round, disturbed, 'conflicts')));
    return [disturbed ? 'disturbed' : 'in peace', ...[others, victim, held].map(({ median, min, max }) => `${digits(median)} (${digits(min)} to ${digits(max)})`)];
  };
  const kept = spread(keptShares(results));
  return [
    `${inWords(results.conditions)}. Seed ${seed}, ${rounds.length} rounds of ${seconds} s each way, ${documents} documents, ${writers} writers. From outside, ` +
      `transactions hold one document for ${heldMs} ms, give it back unchanged, and take it again.`,
    table(['', `writes/s on the other ${documents - 1}`, 'writes/s on that one', 'times it was held'], [row(false), row(true)]),
    `Bar: the others keep at least ${atLeast * 100} % of their throughput: ${kept.median >= atLeast ? 'met' : '**not met**'} ` +
      `(${Math.round(kept.median * 100)} %, ${Math.round(kept.min * 100)} to ${Math.round(kept.max * 100)} %). Recount: ${recount.ok ? 'ok' : '**wrong**'}.`,
  ].join('\n\n');
}
