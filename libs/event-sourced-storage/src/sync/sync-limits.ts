import { tooMany } from './sync-request.js';

/** Who is counted together. */
export interface Principal {
  /** `undefined`: nobody said who it is. */
  readonly user: string | undefined;
  /** The client's network address, as the framework tells it. */
  readonly address: string;
}

export interface LimitSettings {
  readonly maxStreams: number;
  readonly maxStreamsPerUser: number;
  readonly maxStreamsPerAddress: number;
  readonly maxReplayBytes: number;
}

const minuteMs = 60_000;

/** Counts what is open, and what was replayed in this minute. */
export class SyncLimits {
  private total = 0;
  private readonly users = new Map<string, number>();
  private readonly addresses = new Map<string, number>();
  private replayed = new Map<string, number>();
  private minute = 0;

  constructor(
    private readonly settings: LimitSettings,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes one place. @returns gives it back; twice is harmless. @throws Refusal 429 */
  enter({ user, address }: Principal): () => void {
    const { maxStreams, maxStreamsPerUser, maxStreamsPerAddress } = this.settings;
    if (this.total >= maxStreams) throw tooMany('streams');
    if (user !== undefined && (this.users.get(user) ?? 0) >= maxStreamsPerUser) throw tooMany('streams-per-user');
    if ((this.addresses.get(address) ?? 0) >= maxStreamsPerAddress) throw tooMany('streams-per-address');
    this.count({ user, address }, 1);
    let isIn = true;
    return () => {
      if (isIn) this.count({ user, address }, -1);
      isIn = false;
    };
  }

  /** Whether old events may still be sent. */
  mayReplay(principal: Principal): boolean {
    this.turnMinute();
    return (this.replayed.get(keyOf(principal)) ?? 0) < this.settings.maxReplayBytes;
  }

  noteReplay(principal: Principal, bytes: number): void {
    this.turnMinute();
    this.replayed.set(keyOf(principal), (this.replayed.get(keyOf(principal)) ?? 0) + bytes);
  }

  /** Seconds until the budget is full again. */
  get secondsLeft(): number {
    return Math.max(1, Math.ceil(((this.minute + 1) * minuteMs - this.now()) / 1_000));
  }

  private turnMinute(): void {
    const minute = Math.floor(this.now() / minuteMs);
    if (minute === this.minute) return;
    this.minute = minute;
    this.replayed = new Map();
  }

  private count({ user, address }: Principal, step: 1 | -1): void {
    this.total += step;
    if (user !== undefined) bump(this.users, user, step);
    bump(this.addresses, address, step);
  }
}

function keyOf({ user, address }: Principal): string {
  return user === undefined ? `a:${address}` : `u:${user}`;
}

function bump(counts: Map<string, number>, key: string, step: number): void {
  const count = (counts.get(key) ?? 0) + step;
  if (count <= 0) counts.delete(key);
  else counts.set(key, count);
}
