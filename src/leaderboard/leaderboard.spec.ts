import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { DocumentEvent } from 'nestjs-event-sourced-storage';
import type { Game } from '../games/game.schema.js';
import { rankChange } from './rank-change.js';

const documentId = new mongoose.Types.ObjectId();
const common = { documentId, serverSeq: 2, clientId: 'somebody', timestamp: new Date(0), operationId: 'op' };
const game = { _id: documentId, name: 'Raid', gold: 7, experience: 3 } as unknown as Game;
const update = (set: Record<string, unknown>): DocumentEvent<Game> => ({ ...common, operation: 'update', diff: { hasChanges: true, version: 2, set, unset: [] } });

describe('rankChange', () => {
  it('a creation gives a line with name and gold', () => {
    expect(rankChange({ ...common, operation: 'create', createdDoc: game })).toEqual({ name: 'Raid', gold: 7 });
  });

  it.each([
    [{ gold: 9, experience: 4 }, { gold: 9 }],
    [{ name: 'Siege' }, { name: 'Siege' }],
    [{ gold: 0 }, { gold: 0 }],
    [{ 'experience': 4, 'boss.hp': 1 }, undefined],
  ])('a change of %p sets %p', (set, expected) => {
    expect(rankChange(update(set))).toEqual(expected);
  });

  it('a deletion removes the line', () => {
    expect(rankChange({ ...common, operation: 'delete', deletedDoc: game })).toBe('remove');
  });
});
