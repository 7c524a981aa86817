/** Policies are small pure functions, combined with {@link anyOf} and {@link allOf}. */
import type { ResolvedSnapshotOptions, SnapshotPolicy } from '../options/snapshot-options.js';

/** Due once `events` events came after the newest snapshot, or after the beginning. A positive number. */
export function everyEvents(events: number): SnapshotPolicy {
  return ({ eventsSince }) => eventsSince >= events;
}

/** Due once something changed and the newest snapshot, or the oldest event when there is none, is `ms` milliseconds old. */
export function everyMs(ms: number): SnapshotPolicy {
  return withNeeds(({ eventsSince, msSince }) => eventsSince > 0 && msSince >= ms, { needsTime: true });
}

/** Due once the events after the newest snapshot have `bytes` BSON bytes. */
export function everyBytes(bytes: number): SnapshotPolicy {
  return withNeeds(({ bytesSince = 0 }) => bytesSince >= bytes, { needsBytes: true });
}

/** Due when the newest event is a delete. */
export function onDelete(): SnapshotPolicy {
  return ({ isDeleted, eventsSince }) => isDeleted && eventsSince > 0;
}

/** Due when one of them says so; of none, never. */
export function anyOf(...policies: readonly SnapshotPolicy[]): SnapshotPolicy {
  return combined(policies, (facts) => policies.some((policy) => policy(facts)));
}

/** Due when all of them say so; of none, never. */
export function allOf(...policies: readonly SnapshotPolicy[]): SnapshotPolicy {
  return combined(policies, (facts) => policies.length > 0 && policies.every((policy) => policy(facts)));
}

/** The policy that a feature's options describe; `undefined` when they have no rule. */
export function policyOf(options: ResolvedSnapshotOptions): SnapshotPolicy | undefined {
  const rules = [
    ...(options.everyEvents > 0 ? [everyEvents(options.everyEvents)] : []),
    ...(options.everyMs > 0 ? [everyMs(options.everyMs)] : []),
    ...(options.onDelete ? [onDelete()] : []),
    ...(options.everyBytes > 0 ? [everyBytes(options.everyBytes)] : []),
    ...(options.policy === undefined ? [] : [options.policy]),
  ];
  return rules.length === 0 ? undefined : anyOf(...rules);
}

function combined(policies: readonly SnapshotPolicy[], policy: SnapshotPolicy): SnapshotPolicy {
  const needsBytes = policies.some((each) => each.needsBytes === true);
  const needsTime = policies.some((each) => each.needsTime === true);
  return withNeeds(policy, { ...(needsBytes ? { needsBytes } : {}), ...(needsTime ? { needsTime } : {}) });
}

function withNeeds(policy: SnapshotPolicy, needs: Pick<SnapshotPolicy, 'needsBytes' | 'needsTime'>): SnapshotPolicy {
  return Object.assign(policy, needs);
}
