import type mongoose from 'mongoose';
import type { ProcessLease } from './process-lease.js';
import { within } from './within.js';

type Client = mongoose.mongo.MongoClient;
type Session = mongoose.mongo.ClientSession;

/** How long one attempt to end a session on the server may take, in ms. */
const killMs = 5_000;
const killAttempts = 5;

/**
 * The few sessions that flights use again and again: a session that is used again ends what its last transaction left behind. Each is
 * known to the process's lease before it opens its first transaction.
 */
export class FlightSessions {
  private readonly idle: Session[] = [];
  /** Those that may be writing. */
  private readonly living = new Set<Session>();
  /** Ids of those that were killed: the driver may hand one out again. */
  private readonly killed = new Set<string>();

  constructor(
    private readonly client: () => Client,
    private readonly lease: Pick<ProcessLease, 'register' | 'unregister'>,
    private readonly onChange: (wasKilled: boolean) => void = (): void => undefined,
  ) {}

  /** How the server calls the sessions that this process writes with. A killed one is not among them: what it may still do is news. */
  ids(): mongoose.mongo.Binary[] {
    return [...this.living].flatMap(({ id }) => id?.id ?? []).filter((id) => !this.killed.has(id.toString('hex')));
  }

  /** @throws what registering a new session throws: then nothing was begun */
  async take(): Promise<Session> {
    for (let idle = this.idle.pop(); idle !== undefined; idle = this.idle.pop()) {
      if (this.isUsable(idle)) return idle;
      this.forget(idle);
    }
    const session = this.client().startSession({ causalConsistency: false });
    try {
      await this.lease.register(session.id);
    } catch (error) {
      this.lease.unregister(session.id);
      void session.endSession().catch(() => undefined);
      throw error;
    }
    this.living.add(session);
    this.onChange(false);
    return session;
  }

  giveBack(session: Session): void {
    if (this.isUsable(session)) this.idle.push(session);
    else this.forget(session);
  }

  /** Not one that is being killed, nor one that somebody ended: with that, every attempt would fail alike. */
  private isUsable(session: Session): boolean {
    return !session.hasEnded && this.living.has(session);
  }

  /** One that is being killed is left to that. */
  private forget(session: Session): void {
    if (this.living.delete(session)) this.lease.unregister(session.id);
  }

  /**
   * Ends a session whose last command may still be under way, on the server too: an orphan would hold its documents for a minute.
   * Resolves once the server confirmed it, or after a few attempts in vain.
   */
  async kill(session: Session): Promise<void> {
    const { id } = session;
    this.living.delete(session);
    if (id !== undefined) this.killed.add(id.id.toString('hex'));
    this.onChange(true);
    for (let attempt = 1; attempt <= killAttempts; attempt++) {
      try {
        await within('killSessions', killMs, this.client().db('admin').command({ killSessions: [id] }));
        this.lease.unregister(id);
        break;
      } catch {
        // the server is away: try again, there may be a new primary
      }
    }
    void session.endSession().catch(() => undefined);
  }

  async close(): Promise<void> {
    await Promise.all(this.idle.splice(0).map((session) => session.endSession().catch(() => undefined)));
  }
}
