import { AfterCommit, type CommittedChange } from './after-commit.js';

/** Tells several, in this order. */
export class AfterCommits extends AfterCommit {
  constructor(private readonly followers: readonly AfterCommit[]) {
    super();
  }

  override notify(committed: CommittedChange): void {
    for (const follower of this.followers) follower.notify(committed);
  }
}
