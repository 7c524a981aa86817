import type { CollectionReport, HistoryProblem, HistoryReport } from './history-problem.js';

/**
 * A report as text for people: one line for each problem, `collection/documentId@serverSeq` first, and a sum at the end. Contains no values
 * of documents.
 */
export function formatReport(report: HistoryReport | CollectionReport): string {
  return 'documents' in report ? formatCollection(report) : formatHistory(report, '').join('\n');
}

function formatCollection({ collection, checkedDocuments, checkedEvents, problems, documents }: CollectionReport): string {
  const lines = documents.flatMap((document) => formatHistory(document, `${collection}/`));
  const more = problems - documents.reduce((sum, document) => sum + document.problems.length, 0);
  if (more > 0) lines.push(`${count(more, 'problem')} more`);
  return [...lines, `${collection}: ${problems === 0 ? 'no problem' : count(problems, 'problem')} in ${count(checkedDocuments, 'document')} with ${count(checkedEvents, 'event')}`].join('\n');
}

function formatHistory({ documentId, head, checkedEvents, problems, notes }: HistoryReport, prefix: string): string[] {
  const address = `${prefix}${String(documentId)}`;
  if (problems.length === 0 && notes.length === 0) return [`${address}@${head}: no problem in ${count(checkedEvents, 'event')}`];
  return [...problems.map((problem) => formatProblem(address, problem)), ...notes.map((note) => `${address}: ${note}`)];
}

function formatProblem(address: string, { kind, serverSeq, message, repairable }: HistoryProblem): string {
  return `${address}${serverSeq === undefined ? '' : `@${serverSeq}`}: ${kind}: ${message}${repairable ? ' (rebuild() can repair it)' : ''}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
