/** The little that the page needs to draw. Everything that came from elsewhere becomes a text node, never markup. */

type Child = Node | string | undefined;

/** An element of the page that is always there. */
export function byId(id: string): HTMLElement;
export function byId<E extends Element>(id: string, kind: new () => E): E;
export function byId(id: string, kind: new () => Element = HTMLElement): Element {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no such #${id}`);
}

/** A new element; attributes by name. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string>>, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Somebody's words: isolated, so that right-to-left text does not turn what stands around it. */
export function words(text: string): HTMLElement {
  return element('bdi', {}, text);
}

/** Sets a text only when it is another one: what is announced politely must not be announced again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Makes a list show `keys` in their order. Elements that stay are not touched, so focus and scroll position stay with them; keys that
 * were there before must be in the same order.
 */
export function showList(list: Element, keys: readonly string[], make: (key: string) => HTMLElement): void {
  const wanted = new Set(keys);
  const gone = Array.from(list.children).filter((child) => !wanted.has(keyOf(child)));
  for (const child of gone) child.remove();
  keys.forEach((key, index) => {
    const there = list.children.item(index);
    if (there !== null && keyOf(there) === key) return;
    const made = make(key);
    made.dataset['key'] = key;
    list.insertBefore(made, there);
  });
}

function keyOf(child: Element): string {
  return child instanceof HTMLElement ? (child.dataset['key'] ?? '') : '';
}
