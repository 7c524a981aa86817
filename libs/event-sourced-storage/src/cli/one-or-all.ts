import { exitCodes } from './exit-codes.js';
import { Refusal } from './refusal.js';

/** Every document is never meant by leaving something out. */
export function oneOrAll(id: string | undefined, isAll: boolean | undefined, flag = '--all'): void {
  if ((id === undefined) !== (isAll === true)) throw new Refusal(`Give the id of a document, or ${flag}.`, exitCodes.usage);
}

/** What cannot be undone is asked for twice. */
export function confirmed({ yes, dryRun }: { readonly yes?: boolean; readonly dryRun?: boolean }, what: string): void {
  if (yes !== true && dryRun !== true) throw new Refusal(`This ${what}, and nothing brings it back. Say --yes, or --dry-run to see what would be done.`, exitCodes.usage);
}
