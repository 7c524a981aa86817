import { describe, expect, it } from '@jest/globals';
import type { Game, GameEvent } from './game.js';
import { Timeline } from './timeline.js';

const event = (serverSeq: number): GameEvent => ({
  serverSeq,
  clientId: 'test',
  timestamp: '2026-11-23T18:00:00.000Z',
  ...(serverSeq === 1 ? { operation: 'create', createdDoc: { _id: '1', name: 'Raid', gold: 1, experience: 0, lastUpdated: '', version: 1 } } : { operation: 'update', diff: { set: { gold: serverSeq }, unset: [] } }),
});

class Server {
  readonly asked: string[] = [];

  constructor(public head: number) {}

  events(after: number, limit: number): Promise<GameEvent[]> {
    this.asked.push(`events after ${after}`);
    return Promise.resolve(Array.from({ length: Math.max(0, Math.min(limit, this.head - after)) }, (_, index) => event(after + index + 1)));
  }

  state(version: number): Promise<Game> {
    this.asked.push(`state at ${version}`);
    return Promise.resolve({ _id: '1', name: 'Raid', gold: version, experience: 0, lastUpdated: '', version });
  }
}

describe('Timeline', () => {
  it('folds the states of a window from its events, and asks once for all of them', async () => {
    const server = new Server(150);
    const timeline = new Timeline(server);
    for (const version of [150, 3, 77]) expect(await timeline.at(version)).toMatchObject({ event: { serverSeq: version }, before: { gold: version - 1 }, after: { gold: version } });
    expect(await timeline.at(1)).toMatchObject({ before: undefined, after: { gold: 1 } });
    expect(server.asked).toEqual(['events after 0']);
  });

  it('begins a later window at a state, and has no copy of the version in it', async () => {
    const server = new Server(1_000);
    const { before, after } = await new Timeline(server).at(601);
    expect([before?.gold, after?.gold, after?.version]).toEqual([600, 601, undefined]);
    expect(server.asked).toEqual(['state at 600', 'events after 600']);
  });

  it('asks only for what is new when the history grows, however many ask', async () => {
    const server = new Server(5);
    const timeline = new Timeline(server);
    await timeline.at(5);
    server.head = 8;
    const all = await Promise.all([timeline.range(4, 8), timeline.range(1, 8), timeline.at(7)]);
    expect(all[0].map((moment) => moment.event.serverSeq)).toEqual([4, 5, 6, 7, 8]);
    expect(all[1]).toHaveLength(8);
    expect(server.asked).toEqual(['events after 0', 'events after 5']);
  });

  it('goes across windows without a hole', async () => {
    const moments = await new Timeline(new Server(450)).range(190, 410);
    expect(moments.map(({ after }) => after?.gold)).toEqual(Array.from({ length: 221 }, (_, index) => 190 + index));
  });

  it('a hole is an error, and the next try begins anew', async () => {
    const server = new Server(5);
    const timeline = new Timeline({ state: (version) => server.state(version), events: async (after, limit) => (await server.events(after, limit)).filter(({ serverSeq }) => serverSeq !== 3 || server.asked.length > 1) });
    await expect(timeline.at(5)).rejects.toThrow('The history has a hole at 3.');
    await expect(timeline.at(5)).resolves.toMatchObject({ after: { gold: 5 } });
    await expect(timeline.at(6)).rejects.toThrow('There is no version 6.');
  });
});
