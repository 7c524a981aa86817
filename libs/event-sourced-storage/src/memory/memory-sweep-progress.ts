/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { type SweepPosition, SweepProgress } from '../maintenance/sweep-progress.js';

/** Positions in this process. */
export class MemorySweepProgress extends SweepProgress {
  private readonly saved = new Map<string, SweepPosition & { readonly term: number }>();

  override async load(name: string): Promise<SweepPosition> {
    const { term: _term, ...position } = this.saved.get(name) ?? { sweeps: 0, term: 0 };
    return position;
  }

  override async save(name: string, position: SweepPosition, term: number): Promise<boolean> {
    if (term < (this.saved.get(name)?.term ?? 0)) return false;
    this.saved.set(name, { ...position, term });
    return true;
  }
}
