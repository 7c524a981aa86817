import type { LoggerService } from '@nestjs/common';

/** Keeps what an application logs instead of printing it. */
export class Log implements LoggerService {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];

  log(): void {
    // not of interest
  }

  warn(message: unknown): void {
    this.warnings.push(String(message));
  }

  error(message: unknown): void {
    this.errors.push(String(message));
  }
}
