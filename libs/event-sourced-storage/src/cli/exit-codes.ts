/** What the process answers to its caller. */
export const exitCodes = {
  ok: 0,
  /** It looked and found problems, or did not get done what it was asked. */
  problems: 1,
  /** Wrong usage, or what was named is not there. */
  usage: 2,
  /** The database cannot be reached, or not under this name. */
  unreachable: 3,
  /** Ended by Ctrl-C: 128 and the number of the signal. */
  interrupted: 130,
} as const;
