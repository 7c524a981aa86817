/** The arguments of the verbs of maintenance. */
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { checkDate, checkExpected, checkInteger, checkName, checkOptions } from '../write/check-arguments.js';
import { isDocumentLike } from '../write/run-edit.js';
import type { AdoptOptions } from './adopter.js';
import type { RebuildOptions } from './rebuilder.js';
import type { RevertOptions, RevertPoint } from './reverter.js';
import type { VerifyAllOptions } from './verifier.js';

const mostAtOnce = 100;
const largestBatch = 1_000;

/** @throws InvalidArgumentError */
export function checkRevert(point: RevertPoint, options: RevertOptions): RevertPoint {
  if (!isDocumentLike(point)) throw new InvalidArgumentError('point', 'an object with toVersion is needed');
  const { toVersion, fields }: RevertPoint = point;
  checkInteger(toVersion, 'toVersion', 0);
  const isList = Array.isArray(fields) && fields.length > 0 && fields.every((field) => typeof field === 'string');
  if (fields !== undefined && !isList) throw new InvalidArgumentError('fields', 'a list of at least one dotted path is needed');
  checkExpected(options.expectedVersion ?? 'any', ['any'] as const, true);
  checkFlag(options.dryRun, 'dryRun');
  return { toVersion, ...(fields === undefined ? {} : { fields }) };
}

/** @throws InvalidArgumentError */
export function checkVerifyAll(options: VerifyAllOptions): VerifyAllOptions {
  const { sample, since, batch, onProgress } = checkOptions(options);
  if (sample !== undefined && !(typeof sample === 'number' && sample > 0 && sample <= 1)) throw new InvalidArgumentError('sample', 'a part above 0, at most 1, is needed');
  if (since !== undefined) checkDate(since, 'since');
  if (batch !== undefined) checkInteger(batch, 'batch', 1, mostAtOnce);
  checkListener(onProgress);
  return options;
}

/** @throws InvalidArgumentError */
export function checkRebuild(options: RebuildOptions): Required<RebuildOptions> {
  const { prefer = 'history', clientId } = checkOptions(options);
  if (!['history', 'document'].includes(prefer)) throw new InvalidArgumentError('prefer', '"history" or "document" is needed');
  return { prefer, clientId: prefer === 'history' ? '' : checkName(clientId, 'clientId') };
}

/** @throws InvalidArgumentError */
export function checkAdopt(options: AdoptOptions): AdoptOptions {
  const { clientId, batch, onProgress } = checkOptions(options);
  checkName(clientId, 'clientId');
  if (batch !== undefined) checkInteger(batch, 'batch', 1, largestBatch);
  checkListener(onProgress);
  return options;
}

function checkListener(onProgress: unknown): void {
  if (onProgress !== undefined && typeof onProgress !== 'function') throw new InvalidArgumentError('onProgress', 'a function is needed');
}

function checkFlag(value: unknown, argument: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw new InvalidArgumentError(argument, 'true or false is needed');
}
