/** What the driver's errors have in common, as far as it is used here. Not every one is a `MongoError`, hence all is optional. */
interface DriverError {
  readonly name?: string;
  readonly code?: unknown;
  readonly codeName?: string;
  readonly errmsg?: string;
  readonly message?: string;
  hasErrorLabel?: (label: string) => boolean;
  readonly writeErrors?: readonly { readonly index?: number; readonly err?: { readonly index?: number; readonly errmsg?: string } }[];
}

/** Lost against another transaction, or a collection that changed under the transaction: nothing happened, fly again. */
const raceCodes = new Set<unknown>([112, 24, 246, 251]);
/**
 * The server or the way to it is away, or it is no primary (any more). Source: the server's list of retryable codes; and 11601, which
 * ends what is under way in a session that somebody kills.
 */
const outageCodes = new Set<unknown>([6, 7, 50, 64, 89, 91, 189, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436]);
/** The driver's, and that of our own clock. */
const outageNames = new Set([
  'StepTimeoutError',
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoServerSelectionError',
  'MongoPoolClearedError',
  'PoolClearedOnNetworkError',
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoServerClosedError',
  'MongoClientClosedError',
  'MongoExpiredSessionError', // a client that is closed ends all its sessions
]);
const socketCodes = new Set<unknown>(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

function facts(error: unknown): DriverError {
  return typeof error === 'object' && error !== null ? error : {};
}

/** A bulk that never reached a server hides the reason inside its own error. */
function reasonWithin(error: unknown): unknown {
  const { errorResponse, err } = facts(error) as { readonly errorResponse?: unknown; readonly err?: unknown };
  return [errorResponse, err].find((each) => each !== error && facts(each).name !== undefined);
}

/** As an `Error`, whatever was thrown. */
export function asError(error: unknown): Error {
  // a foreign realm's error is one too
  return error instanceof Error || Object.prototype.toString.call(error) === '[object Error]' ? (error as Error) : new Error(String(error));
}

export function codeOf(error: unknown): unknown {
  return facts(error).code;
}

/** What the server calls it; what the driver calls it, if that refused. */
export function reasonOf(error: unknown): string | undefined {
  const { code, codeName, name } = facts(error);
  return codeName ?? (typeof code === 'number' ? undefined : name);
}

/** The server or the driver says it, by the names and numbers that their errors have. Everything else is a bug, and has to look like one. */
export function isOfDatabase(error: unknown): boolean {
  const { code, name = '' } = facts(error);
  return typeof code === 'number' || /^(Mongo|BSON)/.test(name);
}

/** Somebody ended the session that was written in. */
export function isSessionOver(error: unknown): boolean {
  return facts(error).name === 'MongoExpiredSessionError';
}

/** The server says that the transaction had no effect. */
export function isTransient(error: unknown): boolean {
  return facts(error).hasErrorLabel?.('TransientTransactionError') === true;
}

/** Another writer was in the way. */
export function isRace(error: unknown): boolean {
  return raceCodes.has(codeOf(error));
}

/** The database could not be reached or was changing its primary; asking again later may help. */
export function isUnavailable(error: unknown): boolean {
  const { name, code } = facts(error);
  if (outageCodes.has(code) || socketCodes.has(code) || (name !== undefined && outageNames.has(name))) return true;
  const reason = reasonWithin(error);
  return reason !== undefined && isUnavailable(reason);
}

export function isDuplicateKey(error: unknown): boolean {
  return codeOf(error) === 11000;
}

/** Too large for the server's cache or for a document: smaller pieces may pass. Source: mongodb-measured, W9 and section 1 h. */
export function isTooLarge(error: unknown): boolean {
  const { code, name } = facts(error);
  return code === 388 || code === 10334 || code === 17280 || code === 28 || code === 10003 || name === 'RangeError' || name === 'MongoInvalidArgumentError';
}

/** Which statement of a bulk failed; `undefined` when the server does not say. */
export function failedIndex(error: unknown): number | undefined {
  const [first] = facts(error).writeErrors ?? [];
  return first?.index ?? first?.err?.index;
}

/** The index named in a duplicate key error: its values are never shown. */
export function duplicateIndexName(error: unknown): string {
  const { message = '', errmsg = '' } = facts(error);
  return / index: (\S+) dup key/.exec(`${message} ${errmsg}`)?.[1] ?? 'unknown';
}
