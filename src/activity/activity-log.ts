/** Something that happened in the game. */
export interface Activity {
  readonly at: Date;
  readonly text: string;
}

const capacity = 100;

/** What happened lately in this process, in memory. */
export class ActivityLog {
  private readonly activities: Activity[] = [];

  add(text: string, at: Date = new Date()): void {
    this.activities.unshift({ at, text });
    this.activities.length = Math.min(this.activities.length, capacity);
  }

  /** Newest first. */
  list(): readonly Activity[] {
    return this.activities;
  }
}
