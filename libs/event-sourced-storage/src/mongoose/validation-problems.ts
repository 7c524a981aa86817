import mongoose from 'mongoose';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { InvalidValueError } from '../model/bson-values.js';

/** Mongoose quotes the refused value; beyond this many characters a message is cut, since the value may be anything. */
const longestMessage = 200;

/** What Mongoose refuses, as the storage's error; anything else, such as an error of the application's own setter, stays what it is. */
export function validationError(address: string, error: unknown): unknown {
  const problems = problemsOf(error);
  return problems === undefined ? error : new DocumentValidationError(address, problems, { cause: error });
}

function problemsOf(error: unknown): Record<string, string> | undefined {
  // a setter may leave what cannot be stored, or not there
  if (error instanceof InvalidValueError) return { [error.path]: short(error.message) };
  if (error instanceof mongoose.mongo.BSON.BSONError) return { document: short(error.message) };
  if (!(error instanceof mongoose.Error)) return undefined;
  if (error instanceof mongoose.Error.ValidationError) return problemsByPath(error.errors);
  const { path } = error as { path?: unknown }; // casting and strict mode name one
  return { [typeof path === 'string' ? path : 'document']: short(error.message) };
}

/** What is wrong, by path. A subdocument's own error only repeats those of its paths. */
export function problemsByPath(errors: Readonly<Record<string, Error>>): Record<string, string> {
  const all = Object.entries(errors);
  const detailed = all.filter(([, error]) => !(error instanceof mongoose.Error.ValidationError));
  return Object.fromEntries((detailed.length > 0 ? detailed : all).map(([path, error]) => [path, short(error.message)]));
}

function short(message: string): string {
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
}
