/** One block of an event stream. */
export interface Frame {
  /** The `event:` field; `message` when there is none. */
  readonly event: string;
  /** The `data:` lines, joined by line feeds. */
  readonly data: string;
}

/** The longest block that is taken, in characters: the protocol's frames end at 1 MiB, a whole document at 16 MiB. */
const maxBlock = 2 ** 25;

/**
 * Reads an event stream (HTML Standard, "Interpreting an event stream") from chunks of bytes that may be cut anywhere. Answers the
 * blocks that a chunk completed. `id` and `retry` are left out: a replica knows its position from the frames themselves.
 * @throws RangeError when a block does not end
 */
export function frameReader(): (chunk: Uint8Array) => Frame[] {
  const decoder = new TextDecoder(); // takes the byte order mark away, and joins characters that were cut
  let rest = '';
  let event = '';
  let data: string | undefined;
  let size = 0;
  return (chunk) => {
    const frames: Frame[] = [];
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?=[^])/); // a carriage return at the end may be half of a line end
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data !== undefined) frames.push({ event: event || 'message', data });
        event = '';
        data = undefined;
        size = 0;
        continue;
      }
      const [, name, value = ''] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? [];
      if (name === 'event') event = value;
      else if (name === 'data') data = data === undefined ? value : `${data}\n${value}`;
      size += line.length;
    }
    if (size + rest.length > maxBlock) throw new RangeError('a block of the stream does not end');
    return frames;
  };
}
