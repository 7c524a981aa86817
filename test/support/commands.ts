import type { Connection } from 'mongoose';

/** One command that a client sent. */
export interface SentCommand {
  readonly name: string;
  readonly collection: string;
}

/** The commands that a connection sends while `run` runs. Its client needs `monitorCommands: true`. */
export async function commandsDuring(connection: Connection, run: () => Promise<unknown>): Promise<SentCommand[]> {
  const client = connection.getClient();
  const sent: SentCommand[] = [];
  const note = ({ commandName, command }: { commandName: string; command: Record<string, unknown> }): void => {
    sent.push({ name: commandName, collection: String(command[commandName]) });
  };
  client.on('commandStarted', note as never);
  try {
    await run();
  } finally {
    client.off('commandStarted', note as never);
  }
  return sent;
}
