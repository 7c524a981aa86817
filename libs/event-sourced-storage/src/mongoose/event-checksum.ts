/** A checksum over the stored bytes of an event, so that a value that was changed and later overwritten is still found. */
import { crc32 } from 'node:zlib';
import mongoose from 'mongoose';

const { BSON } = mongoose.mongo;

/** The field's name, short because every event carries it. Always the last one of a record. */
export const checksumField = 'crc';
/** The element at the end of a record, `0x10 "crc\0" int32`, and the zero that ends the record. BSON 1.1. */
const element = Buffer.from(`\u0010${checksumField}\0`, 'latin1');
const tailBytes = element.length + 4 + 1;
/** A document begins with its own length, which is another one without the checksum. */
const lengthBytes = 4;

/** The checksum of a record that has none yet, as a signed 32-bit integer: larger numbers would be stored as doubles. */
export function checksumOf(record: object): number {
  const bytes = BSON.serialize(record);
  return crc32(bytes.subarray(lengthBytes, bytes.length - 1)) | 0;
}

/** Whether a stored record is as it was written. `'absent'`: it carries no checksum. */
export function checkBytes(record: Buffer): 'right' | 'wrong' | 'absent' {
  const end = record.length - tailBytes;
  if (end < lengthBytes || !record.subarray(end, end + element.length).equals(element)) return 'absent';
  return record.readInt32LE(end + element.length) === (crc32(record.subarray(lengthBytes, end)) | 0) ? 'right' : 'wrong';
}
