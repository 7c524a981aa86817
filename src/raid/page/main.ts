import { Lobby } from './lobby.js';
import { RaidView } from './raid-view.js';

/** What the address names: `#raid=<id>`, with `&at=<version>` in the past. Anything else is the list of raids. */
function readHash(): { readonly id: string | undefined; readonly at: number | undefined } {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const id = /^[0-9a-f]{24}$/i.exec(parameters.get('raid') ?? '')?.[0];
  const at = /^[1-9]\d{0,14}$/.exec(parameters.get('at') ?? '')?.[0];
  return { id, at: at === undefined ? undefined : Number(at) };
}

const lobby = new Lobby((id) => (location.hash = `raid=${id}`));
const raid = new RaidView();

function route(): void {
  const { id, at } = readHash();
  if (id === undefined) {
    raid.close();
    lobby.show();
  } else {
    lobby.hide();
    raid.open(id, at);
  }
}

addEventListener('hashchange', route);
route();
