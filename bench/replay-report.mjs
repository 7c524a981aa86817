// The result of `npm run bench:replay` as Markdown, and its bars.
import { digits, table } from './report.mjs';
import { inWords } from './server.mjs';
import { spread } from './statistics.mjs';

const bars = { memory: ['in memory', 200_000], server: ['from the server, without a snapshot', 50_000] };

export function replayBars({ rounds }) {
  return Object.entries(bars).map(([name, [words, atLeast]]) => {
    const speed = spread(rounds.map((round) => round[name]));
    return { words, atLeast, speed, met: speed.median >= atLeast };
  });
}

export function replayReport(results) {
  const rows = replayBars(results).map(({ words, atLeast, speed, met }) => [
    words,
    `**${digits(speed.median)}** (${digits(speed.min)} to ${digits(speed.max)})`,
    `≥ ${atLeast.toLocaleString('en')}`,
    met ? 'met' : '**not met**',
  ]);
  return [
    `${inWords(results.conditions)}. ${results.rounds.length} rounds over one history of ${results.events.toLocaleString('en')} events on a document of 863 bytes.`,
    table(['fold', 'events/s: median (smallest to largest)', 'bar', ''], rows),
  ].join('\n\n');
}
