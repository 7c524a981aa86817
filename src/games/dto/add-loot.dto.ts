import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsNumber } from 'class-validator';
import type { Loot } from '../games.service.js';

const finite = { message: '$property must be a finite number' };

/** Body of `PATCH /games/:id`: what is added. Negative numbers take away. */
export class AddLootDto implements Loot {
  @ApiPropertyOptional({ example: 50, default: 0, description: 'Added to the gold of the game.' })
  @IsNumber({}, finite)
  readonly gold: number = 0;

  @ApiPropertyOptional({ example: 100, default: 0, description: 'Added to the experience of the game.' })
  @IsNumber({}, finite)
  readonly experience: number = 0;
}
