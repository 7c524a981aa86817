/** What the commands on the page are about. Both go into the page as they are: the caller makes sure that they are harmless. */
export interface HomePageFacts {
  readonly url: string;
  /** An id that no game has yet. */
  readonly gameId: string;
}

/** The page as HTML. Without scripts: it explains, and links to what can be looked at in a browser. */
export function homePage({ url, gameId }: HomePageFacts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="A boss-raid game whose every change is committed together with one event.">
<title>Boss raid: every change leaves a trace</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ctext y='13' font-size='13'%3E%E2%9A%94%3C/text%3E%3C/svg%3E">
<link rel="stylesheet" href="/home.css">
</head>
<body>
<header>
<p class="kicker">nestjs-event-sourced-storage, the sample</p>
<h1>Boss raid: every change leaves a trace</h1>
<p class="lead">The games here are ordinary MongoDB documents. Every change commits the document and one event together, under one number.
Whoever was away names the last number they saw and gets exactly what they missed.</p>
</header>
<main>
<section aria-labelledby="look">
<h2 id="look">Look around</h2>
<ul class="cards">
<li><a href="/">The raid</a><span>To be played in several windows at once.</span></li>
<li><a href="/games">Games</a><span>The documents, as JSON.</span></li>
<li><a href="/leaderboard">Leaderboard</a><span>The ten richest, kept by a durable handler.</span></li>
<li><a href="/activity">Activity</a><span>What happened lately, and which bosses fell.</span></li>
<li><a href="/docs">HTTP interface</a><span>Every route, to read and to try.</span></li>
<li><a href="/health">Health</a><span>Whether the database answers.</span></li>
</ul>
</section>
<section aria-labelledby="play">
<h2 id="play">Play it through</h2>
<p>Paste these into a terminal, one after the other. The id is fresh: no game has it yet.</p>
<ol class="steps">
${steps(url, gameId).map(stepHtml).join('\n')}
</ol>
</section>
<section aria-labelledby="notice">
<h2 id="notice">Worth noticing</h2>
<ul>
<li>The <code>version</code> of a game, its <code>ETag</code> and the <code>serverSeq</code> of its newest event are the same number.</li>
<li>Adding nothing changes nothing: send <code>{"gold": 0}</code> and the version stays, and no event appears.</li>
<li>Send <code>If-Match: "1"</code> with a change, and it is refused with 412 unless the game still has version 1.</li>
<li>Repeat a change with the same <code>Idempotency-Key</code>, and it answers the first result instead of happening twice.</li>
<li>Create a deleted game again under its id, and its history goes on with the next number.</li>
</ul>
</section>
</main>
<footer><p>A sample has no passwords: everybody who reaches this address may change its games.</p></footer>
</body>
</html>
`;
}

interface Step {
  readonly title: string;
  readonly command: string;
  readonly outcome: string;
}

function steps(url: string, gameId: string): Step[] {
  const game = '$URL/games/$ID';
  const json = "-H 'content-type: application/json'";
  return [
    {
      title: 'Say where, and which game',
      command: `URL=${url}\nID=${gameId}`,
      outcome: 'Two shell variables for the commands below.',
    },
    {
      title: 'The game server opens the raid',
      command: `curl -i -X PUT "${game}" -H 'x-client-id: game-server' \\\n  ${json} -d '{"name": "Raid on the Iron Keep", "gold": 100, "experience": 200}'`,
      outcome: 'Version 1. The same command again answers the same game with status 200 and records nothing.',
    },
    {
      title: 'The admin panel adds gold and experience',
      command: `curl -i -X PATCH "${game}" -H 'x-client-id: admin-panel' \\\n  ${json} -d '{"gold": 50, "experience": 100}'`,
      outcome: 'Version 2: 150 gold, 300 experience.',
    },
    {
      title: 'The admin panel deletes the game',
      command: `curl -i -X DELETE "${game}" -H 'x-client-id: admin-panel'`,
      outcome: 'Version 3 is the deletion itself.',
    },
    {
      title: 'A phone wakes up: it had seen version 1',
      command: `curl "${game}/events?after=1"`,
      outcome: 'What it missed: the update, with the new values and who asked for it, and the deletion.',
    },
    {
      title: 'And what was it like before?',
      command: `curl "${game}/at/2"`,
      outcome: 'The game as it was at version 2, although it is gone.',
    },
  ];
}

function stepHtml({ title, command, outcome }: Step): string {
  return `<li><h3>${title}</h3>
<pre tabindex="0"><code>${escapeHtml(command)}</code></pre>
<p>${outcome}</p></li>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
