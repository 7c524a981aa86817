import type { LoggerService } from '@nestjs/common';
import type { Streams } from './output.js';
import { printable } from './printable.js';

/** Nest's log of a command line: warnings and errors, beside the answer. */
export class StderrLogger implements LoggerService {
  constructor(private readonly streams: Streams) {}

  log(): void {}

  warn(message: unknown): void {
    this.streams.stderr.write(`warning: ${printable(String(message))}\n`);
  }

  error(message: unknown): void {
    this.streams.stderr.write(`error: ${printable(String(message))}\n`);
  }
}
