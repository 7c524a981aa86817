import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { parseWholeNumber } from '../validation/parse-whole-number.js';

/** A version from the path: 0, 1, 2 … */
@Injectable()
export class VersionPipe implements PipeTransform<string, number> {
  transform(value: string): number {
    const version = parseWholeNumber(value);
    if (version === undefined) throw new BadRequestException('A version is a whole number: 0, 1, 2 …');
    return version;
  }
}
