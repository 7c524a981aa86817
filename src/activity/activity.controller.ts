import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { type Activity, ActivityLog } from './activity-log.js';

class ActivityAnswer {
  @ApiProperty({ format: 'date-time', example: '2026-11-23T18:00:00.000Z' })
  readonly at!: string;

  @ApiProperty({ example: 'Game 665f1c2e9b1e8a0012345678@2: update by admin-panel' })
  readonly text!: string;
}

@ApiTags('reactions')
@Controller('activity')
export class ActivityController {
  constructor(private readonly log: ActivityLog) {}

  @Get()
  @ApiOperation({ summary: 'What happened lately, newest first', description: 'Kept in memory by a handler of document events; at most 100 lines.' })
  @ApiOkResponse({ type: [ActivityAnswer] })
  list(): readonly Activity[] {
    return this.log.list();
  }
}
