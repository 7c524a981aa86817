import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsString, Length, Matches, Max, Min } from 'class-validator';

/** Whom the raid is about. */
export class BossDto {
  @ApiProperty({ example: 'The Iron Warden', minLength: 1, maxLength: 60 })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  @Matches(/^[^\p{Cc}\p{Cs}]*$/u, { message: 'name must not contain control characters' })
  @Length(1, 60)
  @IsString()
  readonly name!: string;

  @ApiPropertyOptional({ type: 'integer', example: 500, default: 500, minimum: 1, maximum: 1_000_000, description: 'Health to begin with.' })
  @Max(1_000_000)
  @Min(1)
  @IsInt()
  readonly hp: number = 500;
}
