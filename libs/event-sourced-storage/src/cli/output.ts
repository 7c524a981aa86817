import { once } from 'node:events';
import type { Writable } from 'node:stream';
import mongoose from 'mongoose';
import { printable, printableLines } from './printable.js';

const { EJSON } = mongoose.mongo.BSON;

/** Where a command line writes. */
export interface Streams {
  readonly stdout: Writable;
  readonly stderr: NodeJS.WriteStream;
}

/** Results on stdout, for people or as Extended JSON; everything else on stderr. */
export class Output {
  constructor(
    private readonly streams: Streams,
    readonly isJson: boolean,
  ) {}

  /** The one answer of a command. */
  result(value: unknown, forPeople: () => string): Promise<void> {
    return this.write(this.isJson ? json(value) : printableLines(forPeople()));
  }

  /** One answer of many: a line each. */
  entry(value: unknown, forPeople: () => string): Promise<void> {
    return this.write(this.isJson ? json(value) : printable(forPeople()));
  }

  /** What is no part of the answer. */
  note(text: string): void {
    this.streams.stderr.write(`${printableLines(text)}\n`);
  }

  private async write(text: string): Promise<void> {
    // whoever reads slowly is waited for: a history has no bound
    if (!this.streams.stdout.write(`${text}\n`)) await once(this.streams.stdout, 'drain');
  }
}

/** Extended JSON, relaxed: numbers as numbers, ids and dates with their types. */
export function json(value: unknown, indent?: number): string {
  return EJSON.stringify(value, undefined, indent, { relaxed: true });
}

/** A value in one line, cut where it gets long. */
export function brief(value: unknown, longest = 60): string {
  const text = json(value);
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** `1 event`, `2 events`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
