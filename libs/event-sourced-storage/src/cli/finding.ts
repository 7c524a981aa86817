/** One thing that was looked at. */
export interface Finding {
  /** `missing`: the storage cannot do without. */
  readonly level: 'ok' | 'note' | 'warning' | 'missing';
  readonly topic: 'topology' | 'collections' | 'indexes' | 'rights' | 'client' | 'generation' | 'feed';
  readonly message: string;
}
