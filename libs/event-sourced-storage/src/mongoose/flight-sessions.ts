import type mongoose from 'mongoose';
import { within } from './within.js';

type Client = mongoose.mongo.MongoClient;
type Session = mongoose.mongo.ClientSession;

/** How long one attempt to end a session on the server may take, in ms. */
const killMs = 5_000;
const killAttempts = 5;

/** The few sessions that flights use again and again: a session that is used again ends what its last transaction left behind. */
export class FlightSessions {
  private readonly idle: Session[] = [];

  constructor(private readonly client: () => Client) {}

  take(): Session {
    return this.idle.pop() ?? this.client().startSession({ causalConsistency: false });
  }

  giveBack(session: Session): void {
    if (!session.hasEnded) this.idle.push(session);
  }

  /**
   * Ends a session whose last command may still be under way, on the server too: an orphan would hold its documents for a minute.
   * Resolves once the server confirmed it, or after a few attempts in vain.
   */
  async kill(session: Session): Promise<void> {
    const { id } = session;
    for (let attempt = 1; attempt <= killAttempts; attempt++) {
      try {
        await within('killSessions', killMs, this.client().db('admin').command({ killSessions: [id] }));
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
