import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { parseWholeNumber } from './parse-whole-number.js';

/** A whole number in the query string; the property's initial value is its default. */
export function WholeNumber(range: { readonly description: string; readonly min: number; readonly max: number; readonly default: number }): PropertyDecorator {
  const { min, max } = range;
  const message = `$property must be a whole number from ${min} to ${max}`;
  return applyDecorators(
    ApiPropertyOptional({ type: 'integer', description: range.description, minimum: min, maximum: max, default: range.default }),
    Transform(({ value }: { value: unknown }) => parseWholeNumber(value) ?? Number.NaN),
    IsInt({ message }),
    Min(min, { message }),
    Max(max, { message }),
  );
}
