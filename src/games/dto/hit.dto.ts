import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsString, Length, Matches, Max, Min } from 'class-validator';
import type { Strike } from '../raid.js';

/** Body of `POST /games/:id/hits`: one strike at the boss. */
export class HitDto implements Strike {
  @ApiProperty({ example: 'Ada', minLength: 1, maxLength: 60, description: 'Who strikes; a name of its own is a hero of its own.' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  @Matches(/^[^\p{Cc}\p{Cs}]*$/u, { message: 'hero must not contain control characters' })
  @Length(1, 60)
  @IsString()
  readonly hero!: string;

  @ApiPropertyOptional({ type: 'integer', example: 12, default: 10, minimum: 1, maximum: 100 })
  @Max(100)
  @Min(1)
  @IsInt()
  readonly damage: number = 10;
}
