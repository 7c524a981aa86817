import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { Types } from 'mongoose';

/** A game's id from the path: exactly 24 hexadecimal digits. Mongoose itself would also take other things for an id. */
@Injectable()
export class GameIdPipe implements PipeTransform<string, Types.ObjectId> {
  transform(value: string): Types.ObjectId {
    if (!/^[0-9a-f]{24}$/i.test(value)) throw new BadRequestException('The id of a game is 24 hexadecimal digits.');
    return new Types.ObjectId(value);
  }
}
