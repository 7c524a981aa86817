// The result of `npm run bench:read` as Markdown, and its bar.
import { digits, table } from './report.mjs';
import { inWords } from './server.mjs';
import { spread } from './statistics.mjs';

const atLeast = 50;

/** How often a cached `findOne` is faster than the other way to read, round by round. */
export function readRatios({ rounds }, readers, other) {
  const speed = (round, contender) => round.find((cell) => cell.readers === readers && cell.contender === contender).readsPerSecond;
  return rounds.map((round) => speed(round, 'ours') / speed(round, other));
}

/** The bar speaks of one call against one call, so it is judged with one reader; with many, `findById` gains from the other processor. */
export function readBar(results) {
  const ratio = spread(readRatios(results, 1, 'findById')).median;
  return { atLeast, ratio, met: ratio >= atLeast };
}

export function readReport(results) {
  const { titles, readers: widths, rounds, documents, seconds, seed } = results;
  const rows = widths.flatMap((readers) =>
    Object.keys(titles).map((contender) => {
      const speed = spread(rounds.map((round) => round.find((cell) => cell.readers === readers && cell.contender === contender).readsPerSecond));
      const ratio = contender === 'ours' ? undefined : spread(readRatios(results, readers, contender));
      const ratioText = ratio ? `**${digits(ratio.median)}** (${digits(ratio.min)} to ${digits(ratio.max)})` : '';
      return [String(readers), titles[contender], `${digits(speed.median)} (${digits(speed.min)} to ${digits(speed.max)})`, ratioText];
    }),
  );
  const { ratio, met } = readBar(results);
  return [
    `${inWords(results.conditions)}. Seed ${seed}, ${rounds.length} interleaved rounds, ${documents.toLocaleString('en')} documents of 863 bytes, all cached, ${seconds} s a cell.`,
    table(['readers', 'way to read', 'reads/s: median (smallest to largest)', 'cached `findOne` is so many times faster'], rows),
    `Bar: a cached \`findOne\` at least ${atLeast} times as fast as Mongoose \`findById\`, one reader: ${met ? 'met' : '**not met**'} (${digits(ratio)}). With more readers at once see the table.`,
  ].join('\n\n');
}
