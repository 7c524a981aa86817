import { Module } from '@nestjs/common';
import { PageFiles } from './page-files.js';
import { RaidController } from './raid.controller.js';

/** The page on which several windows play one raid. */
@Module({ controllers: [RaidController], providers: [PageFiles] })
export class RaidModule {}
