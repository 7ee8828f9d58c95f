import { createHash } from 'node:crypto';

const SCRIPT = `
const table = (id, head, rows) => {
  const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const line = (tag, cells) => { const tr = document.createElement('tr'); tr.append(...cells.map((c) => cell(tag, c))); return tr; };
  document.getElementById(id).replaceChildren(line('th', head), ...rows.map((r) => line('td', r)));
};
const get = async (path) => (await (await fetch('api/v1/' + path)).json()).items;
const show = async () => {
  const [sources, services, proxies, diagnostics] = await Promise.all(['sources', 'services', 'proxies', 'diagnostics'].map(get));
  table('sources', ['registry', 'kind', 'namespace', 'group', 'state', 'services', 'endpoints', 'held', 'why'],
    sources.map((s) => [s.source, s.kind, s.namespace, s.group, s.state, s.services, s.endpoints, s.held, s.cause ?? '']));
  table('services', ['host', 'ports', 'healthy', 'endpoints', 'from', 'stale'],
    services.slice(0, 500).map((s) => [s.host, s.ports.map((p) => p.name).join(' '), s.healthy, s.endpoints, s.origins.join(' '), s.stale ? 'stale' : '']));
  table('proxies', ['node', 'address', 'transport', 'rejected'],
    proxies.map((p) => [p.node, p.address, p.transport, p.types.filter((t) => t.nack).map((t) => t.nack.message).join(' ') || 'nothing']));
  table('diagnostics', ['where', 'what', 'meaning', 'try'], diagnostics.slice(0, 100).map((d) => [d.where, d.what, d.meaning, d.remedy]));
  document.getElementById('state').textContent = services.length + ' services, ' + proxies.length + ' proxies, as of ' + new Date().toLocaleTimeString();
};
const events = new EventSource('api/v1/events');
events.addEventListener('summary', show);
events.onerror = () => { document.getElementById('state').textContent = 'the bridge does not answer; trying again'; };
show();
`;

/** Lets the page's own script run and nothing else. */
export const PAGE_CSP = `default-src 'none'; script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:`;

/** What the bridge sees, live, for people who just open the port. */
export const STATUS_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Isthmus</title><link rel="icon" href="data:,">
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1a2733; }
h1 { margin: 0; } h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; } p { margin: .2rem 0; color: #52606d; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d9e2ec; vertical-align: top; overflow-wrap: anywhere; }
th { color: #52606d; font-weight: 600; }
@media (prefers-color-scheme: dark) { body { background: #10181f; color: #d9e2ec; } th, p { color: #9fb3c8; } th, td { border-color: #243b53; } }
</style></head><body>
<h1>Isthmus</h1><p id="state" role="status">loading</p>
<h2>Registries</h2><table id="sources"></table>
<h2>Services</h2><table id="services"></table>
<h2>Proxies</h2><table id="proxies"></table>
<h2>Problems</h2><table id="diagnostics"></table>
<script>${SCRIPT}</script></body></html>
`;
