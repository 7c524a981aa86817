import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { FlightSessions } from './flight-sessions.js';

/** Sessions are made and ended in the driver alone; only to kill one, a server is asked. */
function sessionsOf(kill: () => Promise<unknown> = () => Promise.resolve({})) {
  const client = new mongoose.mongo.MongoClient('mongodb://127.0.0.1:1');
  const registered = new Set<string>();
  const lease = {
    register: (id: { id: mongoose.mongo.Binary } | undefined) => Promise.resolve(void registered.add(String(id?.id.toString('hex')))),
    unregister: (id: { id: mongoose.mongo.Binary } | undefined) => void registered.delete(String(id?.id.toString('hex'))),
  };
  const server = { startSession: client.startSession.bind(client), db: () => ({ command: kill }) };
  return { sessions: new FlightSessions(() => server as never, lease), registered };
}

describe('the sessions of flights', () => {
  it('are used again', async () => {
    const { sessions } = sessionsOf();
    const session = await sessions.take();
    sessions.giveBack(session);
    expect(await sessions.take()).toBe(session);
  });

  it('one that somebody ended is replaced, whether it was given back before or after, and the lease forgets it', async () => {
    for (const when of ['before', 'after']) {
      const { sessions, registered } = sessionsOf();
      const session = await sessions.take();
      if (when === 'before') sessions.giveBack(session);
      await session.endSession();
      if (when === 'after') sessions.giveBack(session);
      expect(registered.size).toBe(when === 'after' ? 0 : 1);
      const next = await sessions.take();
      expect(next.hasEnded).toBe(false);
      expect(registered).toEqual(new Set([next.id?.id.toString('hex')]));
    }
  });

  it('one that is being killed is not used again, also before the server has confirmed it', async () => {
    let confirm: ((answer: object) => void) | undefined;
    const { sessions } = sessionsOf(() => new Promise((resolve) => (confirm = resolve)));
    const session = await sessions.take();
    const killing = sessions.kill(session);
    expect(session.hasEnded).toBe(false);
    sessions.giveBack(session);
    expect(await sessions.take()).not.toBe(session);
    confirm?.({});
    await killing;
  });
});
