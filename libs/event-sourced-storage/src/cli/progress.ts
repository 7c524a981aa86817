import cliProgress from 'cli-progress';

/** How far long work has come. */
export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

/** A bar on a terminal, and nothing elsewhere. @param total `undefined`: not known */
export function startProgress(stream: NodeJS.WriteStream, what: string, total: number | undefined): Progress {
  if (!stream.isTTY) return silent;
  const scale = total === undefined ? '{value}' : '{bar} {percentage} % | {value} of about {total}';
  const bar = new cliProgress.SingleBar({ stream, format: `${what} ${scale} {note}`, clearOnComplete: true, hideCursor: true }, cliProgress.Presets.shades_classic);
  bar.start(total ?? 0, 0, { note: '' });
  return {
    update: (done, note = '') => {
      if (done > (total ?? 0)) bar.setTotal(done); // deleted documents are not in the estimate
      bar.update(done, { note });
    },
    stop: () => bar.stop(),
  };
}
