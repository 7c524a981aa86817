/** Who plays in this window. */

/** One of each window: the `clientId` of its writes, by which it knows their echoes. */
export const clientId = `raid-page-${randomHex(8)}`;

const key = 'boss-raid-name';
const names = ['Ada', 'Bjorn', 'Circe', 'Dara', 'Edda', 'Finn', 'Gwen', 'Hroar', 'Isolde', 'Joss', 'Kaya', 'Loki'];

/** The name given last in this browser, else any. A tab keeps its own, so that two of them can play two heroes. */
export function myName(): string {
  const kept = read();
  if (kept !== undefined) return kept;
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  const name = names[random % names.length] ?? 'Ada';
  rename(name);
  return name;
}

export function rename(name: string): void {
  try {
    sessionStorage.setItem(key, name);
  } catch {
    // a browser that keeps nothing: the name lasts as long as the page
  }
  current = name;
}

let current: string | undefined;

function read(): string | undefined {
  if (current !== undefined) return current;
  try {
    current = sessionStorage.getItem(key) ?? undefined;
  } catch {
    // as above
  }
  return current;
}

/** Random hexadecimal digits, two for each byte. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
