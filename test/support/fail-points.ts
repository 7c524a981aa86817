import mongoose from 'mongoose';

/** What shall go wrong, in the words of the server's fail point `failCommand`. */
export interface CommandFailure {
  readonly failCommands: readonly string[];
  /** `database.collection`; any when left out. */
  readonly namespace?: string;
  readonly errorCode?: number;
  readonly errorLabels?: readonly string[];
  readonly closeConnection?: boolean;
  readonly blockConnection?: boolean;
  readonly blockTimeMS?: number;
  readonly writeConcernError?: { readonly code: number; readonly errmsg: string; readonly errorLabels?: readonly string[] };
}

/** Makes commands fail on a server of one's own, started with `enableTestCommands=1`. There is one such fail point per server. */
export class FailPoints {
  /** The server counts from its start. */
  private countBefore = 0;

  private constructor(private readonly client: mongoose.mongo.MongoClient) {}

  static async on(uri: string): Promise<FailPoints> {
    return new FailPoints(await mongoose.mongo.MongoClient.connect(uri));
  }

  /** The next `times` of these commands fail for the client of this name. */
  async fail(appName: string, failure: CommandFailure, times: number): Promise<void> {
    this.countBefore = await this.set({ mode: { times }, data: { appName, ...failure } });
  }

  /** Ends the failures. @returns how often commands failed since `fail()` */
  async end(): Promise<number> {
    return (await this.set({ mode: 'off' })) - this.countBefore;
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async set(settings: object): Promise<number> {
    const answer = await this.client.db('admin').command({ configureFailPoint: 'failCommand', ...settings });
    return Number(answer['count']);
  }
}
