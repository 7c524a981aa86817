import { CommanderError } from 'commander';
import { exitCodes } from './exit-codes.js';
import { Refusal } from './refusal.js';

/** How a command line ended that was not carried out. */
export interface Failure {
  readonly exitCode: number;
  /** `undefined`: it has been said already. */
  readonly message: string | undefined;
}

/** Errors of the storage that mean: what was named is not there, or was not asked for rightly. */
const usageCodes = new Set([
  'INVALID_ARGUMENT',
  'INVALID_OPTIONS',
  'DOCUMENT_NOT_FOUND',
  'DOCUMENT_PURGED',
  'HISTORY_MISSING',
  'HISTORY_COMPACTED',
  'CLIENT_AHEAD',
  'INDEX_MISMATCH',
  'UNSUPPORTED_TOPOLOGY',
]);
const unreachableNames = new Set(['MongooseServerSelectionError', 'MongoServerSelectionError', 'MongoNetworkError', 'MongoNetworkTimeoutError', 'MongoTopologyClosedError', 'MongoNotConnectedError', 'MongoPoolClearedError']);
const authenticationFailed = 18;
const unauthorized = 13;
const credentials = /\/\/[^/@\s]*@/g;

/** By class and code, never by text. An error of the storage may come from another copy of the library, so that its class says nothing. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, message: undefined };
  if (error instanceof Refusal) return told(error.exitCode, error.message);
  const { name = '', code, message = String(error), stack } = factsOf(error);
  if (typeof code === 'string' && /^[A-Z_]+$/.test(code) && name.endsWith('Error')) return told(exitCodeOf(code), `${code}: ${message}`);
  if (unreachableNames.has(name)) return told(exitCodes.unreachable, `The database cannot be reached: ${message}`);
  if (code === authenticationFailed) return told(exitCodes.unreachable, `The database does not know this user: ${message}`);
  if (code === unauthorized) return told(exitCodes.usage, `The user may not do this: ${message}`);
  if (name === 'MongoParseError' || name === 'MongoInvalidArgumentError') return told(exitCodes.usage, `The address of the database is wrong: ${message}`);
  if (name === 'MongoServerError') return told(exitCodes.problems, `The database refused: ${message}`);
  return told(exitCodes.problems, stack ?? message); // a defect: whoever reports it needs the place
}

function exitCodeOf(code: string): number {
  if (usageCodes.has(code)) return exitCodes.usage;
  return code === 'OPERATION_TIMEOUT' || code.startsWith('ECONN') || code === 'ENOTFOUND' ? exitCodes.unreachable : exitCodes.problems;
}

function told(exitCode: number, message: string): Failure {
  return { exitCode, message: message.replace(credentials, '//***@') };
}

function factsOf(error: unknown): { readonly name?: string; readonly code?: unknown; readonly message?: string; readonly stack?: string } {
  return typeof error === 'object' && error !== null ? error : {};
}
