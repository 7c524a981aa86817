import type { Connection } from 'mongoose';

/** One command that a client sent. */
export interface SentCommand {
  readonly name: string;
  readonly collection: string;
  /** What a `find` asked for. */
  readonly filter: unknown;
}

/** Reads of this one document: beside them a process may read others behind the scenes. */
export function readsOf(commands: readonly SentCommand[], collection: string, id: { toHexString(): string }): number {
  return commands.filter((sent) => sent.name === 'find' && sent.collection === collection && JSON.stringify(sent.filter).includes(id.toHexString())).length;
}

/** The commands that a connection sends while `run` runs. Its client needs `monitorCommands: true`. */
export async function commandsDuring(connection: Connection, run: () => Promise<unknown>): Promise<SentCommand[]> {
  const client = connection.getClient();
  const sent: SentCommand[] = [];
  const note = ({ commandName, command }: { commandName: string; command: Record<string, unknown> }): void => {
    sent.push({ name: commandName, collection: String(command[commandName]), filter: command['filter'] });
  };
  client.on('commandStarted', note as never);
  try {
    await run();
  } finally {
    client.off('commandStarted', note as never);
  }
  return sent;
}
