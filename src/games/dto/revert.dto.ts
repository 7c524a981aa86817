import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';

/** Body of `POST /games/:id/revert`. */
export class RevertDto {
  @ApiProperty({ type: 'integer', example: 7, minimum: 1, description: 'The version whose state is wanted back.' })
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(1)
  @IsInt()
  readonly toVersion!: number;

  @ApiProperty({ example: 'The last blow came from a bot.', minLength: 1, maxLength: 1_000, description: 'Recorded with the event.' })
  @Matches(/\S/, { message: 'reason must say something' })
  @Length(1, 1_000)
  @IsString()
  readonly reason!: string;

  @ApiPropertyOptional({ example: 'Ada', minLength: 1, maxLength: 60, description: 'The person behind the client.' })
  @Length(1, 60)
  @IsString()
  @IsOptional()
  readonly by?: string;
}
