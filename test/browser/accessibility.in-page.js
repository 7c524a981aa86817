// Runs in the page: the problems that a visitor could have with what is visible right now, one line each. WCAG 2.2 numbers in brackets.
(() => {
  const problems = [];
  const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const tell = (element, what) => problems.push(`${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ''} "${(element.textContent ?? '').trim().slice(0, 40)}": ${what}`);

  /** [red, green, blue, alpha], whatever way the colour is written. */
  function colour(text) {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = text;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  }

  const over = ([r, g, b, a], below) => [r, g, b].map((part, index) => part * a + below[index] * (1 - a));

  function background(element) {
    if (element === null) return colour(getComputedStyle(document.documentElement).colorScheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches ? '#000' : '#fff');
    const own = colour(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : [...over(own, background(element.parentElement)), 1];
  }

  function luminance(rgb) {
    const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }

  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.closest('[aria-hidden="true"], .unseen') === null;
  const all = [...document.querySelectorAll('body *')].filter(isShown);

  for (const element of all) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
    if (!hasText || element.closest(':disabled, [aria-disabled="true"]') !== null) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const below = background(element).slice(0, 3);
    const ratio = contrast(over(colour(color), below), below);
    const isLarge = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && Number(fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) tell(element, `contrast ${ratio.toFixed(2)} [1.4.3]`);
  }

  for (const control of all.filter((element) => element.matches('a[href], button, input, [tabindex], [role="meter"], dialog'))) {
    const labels = (control.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '');
    const name = [control.getAttribute('aria-label') ?? '', ...labels, ...[...(control.labels ?? [])].map(({ textContent }) => textContent), control.matches('a, button') ? control.textContent : ''];
    if (name.join('').trim() === '') tell(control, 'has no name [4.1.2]');
    const { width, height } = control.getBoundingClientRect();
    if (control.matches('button, input') && (width < 24 || height < 24)) tell(control, `is ${width} by ${height} pixels [2.5.8]`);
    if (control.tabIndex > 0) tell(control, 'has a place of its own in the order [2.4.3]');
  }

  for (const scrolling of all.filter((element) => element.scrollHeight > element.clientHeight + 1 && ['auto', 'scroll'].includes(getComputedStyle(element).overflowY))) {
    if (scrolling.tabIndex < 0 && scrolling.querySelector('a, button, input') === null) tell(scrolling, 'cannot be scrolled by keyboard [2.1.1]');
  }

  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) problems.push(`#${id} is there twice [4.1.2]`);
  for (const attribute of ['aria-labelledby', 'aria-controls', 'for']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) if (document.getElementById(element.getAttribute(attribute)) === null) tell(element, `${attribute} leads nowhere [1.3.1]`);
  }
  const levels = all.filter((element) => /^H[1-6]$/.test(element.tagName)).map((heading) => [heading, Number(heading.tagName[1])]);
  for (const [index, [heading, level]] of levels.entries()) if (level > (levels[index - 1]?.[1] ?? 0) + 1) tell(heading, 'skips a level [1.3.1]');
  if (levels.filter(([, level]) => level === 1).length !== 1) problems.push('not exactly one h1 [1.3.1]');
  if (document.documentElement.lang === '') problems.push('no language [3.1.1]');
  if (document.title === '') problems.push('no title [2.4.2]');
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) problems.push(`scrolls sideways by ${root.scrollWidth - root.clientWidth} [1.4.10]`);
  return problems;
})();
