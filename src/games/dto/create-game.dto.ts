import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsNumber, IsObject, IsOptional, IsString, Length, Matches, ValidateNested } from 'class-validator';
import type { NewGame } from '../games.service.js';
import { BossDto } from './boss.dto.js';

const finite = { message: '$property must be a finite number' };

/** Body of `POST /games` and `PUT /games/:id`. */
export class CreateGameDto implements NewGame {
  @ApiProperty({ example: 'Raid on the Iron Keep', minLength: 1, maxLength: 100, description: 'Surrounding white space is removed.' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  @Matches(/^[^\p{Cc}\p{Cs}]*$/u, { message: 'name must not contain control characters' })
  @Length(1, 100)
  @IsString()
  readonly name!: string;

  @ApiPropertyOptional({ example: 100, default: 0 })
  @IsNumber({}, finite)
  readonly gold: number = 0;

  @ApiPropertyOptional({ example: 200, default: 0 })
  @IsNumber({}, finite)
  readonly experience: number = 0;

  @ApiPropertyOptional({ type: BossDto, description: 'Makes the game a raid: `POST /games/:id/hits` strikes this boss.' })
  @Type(() => BossDto)
  @ValidateNested()
  @IsObject()
  @IsOptional()
  readonly boss?: BossDto;
}
