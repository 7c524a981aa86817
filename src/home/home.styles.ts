/** The style sheet of the explaining page. A string, because the build copies nothing but what it compiles. */
export const homeStyles = `:root {
  color-scheme: light dark;
  --paper: light-dark(#faf8f4, #16181d);
  --ink: light-dark(#22252b, #e8e6e1);
  --quiet: light-dark(#5b606b, #a3a8b3);
  --line: light-dark(#ddd8cc, #31353e);
  --card: light-dark(#ffffff, #1e2128);
  --accent: light-dark(#8a2f1d, #ff9d80);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto;
  max-width: 54rem;
  padding: 2.5rem 1.25rem 4rem;
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.6 system-ui, sans-serif;
}
h1 { margin: 0 0 1rem; font-size: clamp(1.9rem, 5vw, 2.8rem); line-height: 1.15; letter-spacing: -0.02em; text-wrap: balance; }
h2 { margin: 3rem 0 1rem; font-size: 1.35rem; }
h3 { margin: 0 0 0.5rem; font-size: 1rem; }
a { color: var(--accent); }
a:focus-visible, pre:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 0.9em; }
.kicker { margin: 0 0 0.5rem; color: var(--quiet); }
.lead { max-width: 42rem; font-size: 1.15rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 0; padding: 0; list-style: none; }
.cards li { padding: 1rem 1.1rem; border: 1px solid var(--line); border-radius: 0.6rem; background: var(--card); }
.cards a { display: block; font-weight: 600; }
.cards span { color: var(--quiet); font-size: 0.95rem; }
.steps { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem; margin: 0; padding-left: 1.4rem; }
.steps li::marker { color: var(--quiet); font-weight: 600; }
.steps p { margin: 0.5rem 0 0; color: var(--quiet); }
pre {
  margin: 0;
  padding: 0.9rem 1.1rem;
  overflow-x: auto;
  border: 1px solid var(--line);
  border-radius: 0.6rem;
  background: var(--card);
  line-height: 1.5;
}
main ul:not(.cards) { padding-left: 1.4rem; }
main li + li { margin-top: 0.35rem; }
.cards li + li, .steps li + li { margin-top: 0; }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.95rem; }
`;
