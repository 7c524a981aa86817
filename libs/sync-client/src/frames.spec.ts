import { describe, expect, it } from '@jest/globals';
import fc from './testing/examples.js';
import { type Frame, frameReader } from './frames.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function readAll(chunks: readonly Uint8Array[]): Frame[] {
  const read = frameReader();
  return chunks.flatMap((chunk) => read(chunk));
}

/** The bytes in pieces that end at these places. */
function cut(all: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (all.length + 1)), all.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => all.slice(ends[index - 1] ?? 0, end));
}

describe('frameReader', () => {
  it.each([
    ['a named block', 'event: ev\ndata: {"v":1}\n\n', [{ event: 'ev', data: '{"v":1}' }]],
    ['a block without a name', 'data: x\n\n', [{ event: 'message', data: 'x' }]],
    ['several data lines', 'data: a\ndata\ndata:b\n\n', [{ event: 'message', data: 'a\n\nb' }]],
    ['only one space away', 'data:  a \n\n', [{ event: 'message', data: ' a ' }]],
    ['a colon in the data', 'data: a: b\n\n', [{ event: 'message', data: 'a: b' }]],
    ['comments and unknown fields', ': hello\nretry: 5\nid: 7\nwhat: x\ndata: a\n:\n\n', [{ event: 'message', data: 'a' }]],
    ['nothing for a block without data', 'event: ev\n\nid: 7\n\ndata: a\n\n', [{ event: 'message', data: 'a' }]],
    ['a block with empty data', 'data:\n\n', [{ event: 'message', data: '' }]],
    ['nothing that is not complete', 'data: a\n\ndata: b\n', [{ event: 'message', data: 'a' }]],
    ['a byte order mark', '\uFEFFdata: a\n\n', [{ event: 'message', data: 'a' }]],
    ['line ends of all kinds', 'event: ev\r\ndata: a\r\r\ndata: b\n\r\ndata: c\r\rx', [{ event: 'ev', data: 'a' }, { event: 'message', data: 'b' }, { event: 'message', data: 'c' }]],
  ])('reads %s', (_name, text, frames) => {
    expect(readAll([bytes(text)])).toEqual(frames);
  });

  it('reads the same frames however the bytes are cut', () => {
    const line = fc.oneof(
      fc.constantFrom('event: ev', 'data', 'data:', 'data: é😀', ': comment', 'id: 1', 'retry: 2', '', '', ''),
      fc.string({ unit: 'grapheme' }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
    );
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const stream = fc.tuple(fc.constantFrom('', '\uFEFF'), fc.array(fc.tuple(line, end))).map(([mark, lines]) => mark + lines.flat().join(''));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (text, places) => {
        const all = bytes(`${text}x`); // a carriage return at the very end waits for what follows
        expect(readAll(cut(all, places))).toEqual(readAll([all]));
        expect(readAll(Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(readAll([all]));
      }),
    );
  });

  it('gives back what a server wrote', () => {
    const frame = fc.record({ event: fc.constantFrom('ev', 'live', 'hb'), data: fc.json() });
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat()), (frames, places) => {
        const text = frames.map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`).join('');
        expect(readAll(cut(bytes(text), places))).toEqual(frames);
      }),
    );
  });

  it('refuses a block that does not end', () => {
    const read = frameReader();
    const chunk = new Uint8Array(2 ** 22).fill(120);
    expect(() => Array.from({ length: 10 }, () => read(chunk))).toThrow(RangeError);
  });
});
