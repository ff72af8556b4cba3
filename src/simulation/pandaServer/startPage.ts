/** What a browser sees at the stand-in's address: above all that this is not a PanDA server. */
import { operations } from "./operations.ts";

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** HTML. `url` is the stand-in's own address, `directory` where its state is. */
export function startPage(url: string, directory: string): string {
  const calls = [...operations.values()]
    .map(({ name, verb }) => `<li><code>${verb} /api/v1/${escaped(name)}</code></li>`)
    .join("\n");
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Stand-in PanDA server</title></head>
<body>
<h1>Stand-in PanDA server</h1>
<p><strong>This is not a PanDA server.</strong> It is a part of Windrow that answers as one, for demonstrations, rehearsals
and tests. It runs no job, checks no identity, and is meant for the loopback interface only.</p>
<p>API: <code>${escaped(url)}/api/v1</code>. State: <code>${escaped(directory)}</code>.</p>
<p><a href="/stand-in/jobs">All jobs</a>, <a href="/stand-in/state">everything</a> (JSON).
Jobs, commands and kills go in by POST to <code>/stand-in/jobs</code>, <code>/stand-in/commands</code> and
<code>/stand-in/kill</code>.</p>
<h2>Calls it answers</h2>
<ul>
${calls}
</ul>
</body>
</html>
`;
}
