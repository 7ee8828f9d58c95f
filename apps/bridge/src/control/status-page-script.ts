/** The script of the status page. Text goes in as text (`textContent`): what registries say is never markup. */
export const PAGE_SCRIPT = `
const el = (tag, className, text) => Object.assign(document.createElement(tag), { className: className ?? '', textContent: text ?? '' });
const byId = (id) => document.getElementById(id);
const most = 500;

const badge = (text, kind) => el('span', 'badge ' + kind, text);
const badges = (some) => { const all = el('span'); all.append(...some.filter(Boolean)); return all.hasChildNodes() ? all : ''; };
const counted = (n, one) => n + ' ' + one + (n === 1 ? '' : 's');
const stateKinds = { live: 'good', syncing: 'wait', partial: 'warn', stale: 'bad' };
const severityKinds = { error: 'bad', warning: 'warn', info: 'wait' };
const age = (ms) => ms < 1000 ? 'now' : ms < 60000 ? Math.round(ms / 1000) + ' s' : ms < 3600000 ? Math.round(ms / 60000) + ' min' : Math.round(ms / 3600000) + ' h';
const short = (type) => type.slice(Math.max(type.lastIndexOf('.'), type.lastIndexOf('/')) + 1);

const table = (id, head, rows, none) => {
  const line = (tag, cells) => {
    const tr = el('tr');
    for (const [n, cell] of cells.entries()) {
      const td = el(tag);
      td.dataset.label = head[n];
      if (typeof cell === 'number') td.className = 'number';
      td.append(cell instanceof Node ? cell : String(cell));
      tr.append(td);
    }
    return tr;
  };
  const at = byId(id);
  if (rows.length === 0) return at.replaceChildren(el('p', 'none', none));
  const body = el('tbody');
  body.append(...rows.slice(0, most).map((row) => line('td', row)));
  const whole = el('table');
  const top = el('thead');
  top.append(line('th', head));
  whole.append(top, body);
  at.replaceChildren(whole);
  if (rows.length > most) at.append(el('p', 'none', (rows.length - most) + ' more: isthmus get ' + id));
};

const get = async (path) => {
  const answer = await fetch('api/v1/' + path);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail + ': ' + body.remedy);
  return body;
};

const tile = (value, label, kind) => {
  const div = el('div', 'tile ' + (kind ?? ''));
  div.append(el('b', '', value), el('span', '', label));
  return div;
};

let services = [];
const showServices = () => {
  const part = byId('filter').value.trim().toLowerCase();
  table('services', ['host', 'port', 'take traffic', 'listed', 'comes from', ''],
    services.filter((s) => s.host.includes(part)).map((s) => [
      s.host, s.ports.map((p) => p.name).join(' '), s.healthy, s.endpoints, s.origins.join(' '),
      badges([s.stale && badge('stale', 'bad'), s.healthy === 0 && badge('nobody takes traffic', 'warn'), s.diagnostics > 0 && badge(counted(s.diagnostics, 'problem'), 'warn')]),
    ]), part ? 'no host contains ' + part : 'no service yet');
};

const show = async () => {
  const [sources, found, proxies, held, problems] = await Promise.all(['sources', 'services', 'proxies', 'held', 'diagnostics'].map(get));
  services = found.items;
  const endpoints = services.reduce((sum, s) => sum + s.healthy, 0);
  const notLive = sources.items.filter((s) => s.state !== 'live').length;
  const count = Object.values(problems.counts).reduce((sum, n) => sum + n, 0);
  byId('tiles').replaceChildren(
    tile(sources.items.length - notLive + ' / ' + sources.items.length, 'scopes live', notLive > 0 ? 'bad' : 'good'),
    tile(services.length, 'services'), tile(endpoints, 'endpoints take traffic'), tile(proxies.items.length, 'proxies'),
    tile(held.items.reduce((sum, h) => sum + h.removing, 0), 'removals held', held.items.length > 0 ? 'warn' : ''),
    tile(count, 'problems', count > 0 ? 'warn' : ''));
  table('sources', ['registry', 'kind', 'namespace', 'group', 'state', 'heard', 'services', 'endpoints', 'why'],
    sources.items.map((s) => [s.source, s.kind, s.namespace, s.group, badge(s.state, stateKinds[s.state]),
      s.ageMs === undefined ? 'never' : age(s.ageMs), s.services, s.endpoints, s.cause ?? '']), 'no registry');
  table('held', ['scope', 'would remove', 'of', 'confirmed from', 'let it through'],
    held.items.map((h) => [h.scope, h.removing, h.of, new Date(h.confirmAt).toLocaleTimeString(), el('code', '', 'isthmus release-held ' + h.scope)]),
    'nothing is held');
  showServices();
  table('proxies', ['node', 'from', 'by', 'connected', 'acknowledged', 'rejected'],
    proxies.items.map((p) => {
      const nacks = p.types.filter((t) => t.nack);
      return [p.node, p.address, p.transport, new Date(p.connectedAt).toLocaleTimeString(),
        p.types.filter((t) => t.acked !== '' && t.acked === t.sent).length + ' of ' + p.types.length + ' types',
        nacks.length === 0 ? '' : badge(nacks.map((t) => short(t.type) + ': ' + t.nack.message).join(' '), 'bad')];
    }), 'no proxy is connected');
  const worst = Object.keys(severityKinds);
  table('diagnostics', ['', 'where', 'what', 'so', 'try'],
    problems.items.sort((a, b) => worst.indexOf(a.severity) - worst.indexOf(b.severity)).map((d) => [badge(d.severity, severityKinds[d.severity]), d.where, d.what, d.meaning, d.remedy]), 'nothing is wrong with what the registries say');
  say('as of ' + new Date().toLocaleTimeString(), '');
};

const say = (words, kind) => { const at = byId('state'); at.textContent = words; at.className = kind; };

// Changes come four times a second at most; one look at a time, one a second, and none while nobody looks.
let busy = false;
let due = true;
const look = async () => {
  if (busy || !due || document.hidden) return;
  busy = true;
  due = false;
  await show().catch((error) => say(error.message, 'bad'));
  busy = false;
};
const events = new EventSource('api/v1/events');
events.addEventListener('summary', () => { due = true; });
// Refused (429: too many follow already) it stays closed, and the page looks every 5 seconds.
events.onerror = () => { if (events.readyState !== EventSource.CLOSED) say('the bridge does not answer; trying again', 'bad'); };
byId('filter').addEventListener('input', showServices);
setInterval(look, 1000);
setInterval(() => { due = true; }, 5000);
look();
`;
