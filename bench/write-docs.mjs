// Puts the stored results between the markers of docs/performance.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { isolationReport } from './isolation-report.mjs';
import { readReport } from './read-report.mjs';
import { barsTable, cellTables, conditionsOf, historySection, profileReport } from './report.mjs';
import { replayReport } from './replay-report.mjs';
import { readReportOf, readResults } from './results.mjs';

const page = new URL('../docs/performance.md', import.meta.url);

/** @returns {string[]} the sections that had no results and stay as they are */
export function writeDocs() {
  const full = newest(readResults('full'), readResults('bars')) ?? readResults('quick');
  const read = readResults('read');
  const profile = readResults('profile');
  const isolation = readResults('isolation');
  const replay = readResults('replay');
  const sections = {
    conditions: full && conditionsOf(full),
    bars: full && barsTable(full),
    cells: full && cellTables(full),
    history: full && historySection(full).split('\n').slice(2).join('\n'),
    feed: readReportOf('feed'),
    sync: readReportOf('sync'),
    replay: replay && replayReport(replay),
    isolation: isolation && isolationReport(isolation),
    read: read && readReport(read),
    profile: profile && profileReport(profile),
  };
  let text = readFileSync(page, 'utf8');
  for (const [name, content] of Object.entries(sections)) if (content) text = replaced(text, name, content);
  writeFileSync(page, text);
  return Object.keys(sections).filter((name) => !sections[name]);
}

/** A full run shows more, a younger one is truer. */
function newest(full, bars) {
  return full && bars ? (full.conditions.date > bars.conditions.date ? full : bars) : (full ?? bars);
}

function replaced(text, name, content) {
  const [begin, end] = [`<!-- bench:${name}:begin -->`, `<!-- bench:${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no markers ${begin} ... ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
