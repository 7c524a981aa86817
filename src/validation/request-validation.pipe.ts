import { type ArgumentMetadata, BadRequestException, Injectable, ValidationPipe } from '@nestjs/common';
import { findHostileKey } from './find-hostile-key.js';

/**
 * Checks bodies and queries against their classes; nothing that a class does not name gets through. Path parameters have pipes of their
 * own, which must see them as they came: Nest's would already have made a number of `0x10`.
 */
@Injectable()
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({ whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true, transform: true, stopAtFirstError: true });
  }

  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body') refuseHostileBody(value);
    return metadata.type === 'body' || metadata.type === 'query' ? super.transform(value, metadata) : Promise.resolve(value);
  }
}

function refuseHostileBody(body: unknown): void {
  if (body === undefined) throw new BadRequestException('Send the body as JSON, with the header content-type: application/json.');
  const problem = findHostileKey(body);
  if (problem !== undefined) throw new BadRequestException(problem);
}
