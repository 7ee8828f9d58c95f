import type { EndpointView, ExplainedHost, ExplainedOrigin, HeldView, PublishedResource } from '@isthmus/contract';
import { formatDuration } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { planBranches, planNotes } from './explain-plans.ts';
import { rulesBranch } from './explain-rules.ts';
import { keptText } from './columns.ts';
import { renderTree } from './tree.ts';
import type { Branch } from './tree.ts';
import { ago, count, hostPort, typeName } from './words.ts';

/** A service of thousands shows the first of them; `-o json` has all. */
const MOST_LINES = 20;

/**
 * One host as a tree: the verdict first, then where it comes from, what became of it, what was left out, what is
 * wrong. `query` is what was asked for: an address that matches is marked. `held` are all removals that wait; those
 * that concern the host are told. `now` is milliseconds since the epoch.
 */
export function renderExplained(host: ExplainedHost, query: string, held: readonly HeldView[], now: number): string {
  const asked = (address: string, port: number) =>
    query === address || query === `[${address}]` || query === hostPort(address, port);
  const reasons = new Map(host.leftOut.map((left) => [keyOf(left.service, left.address, left.port), left.reason]));
  const problems = [...host.origins.flatMap((origin) => origin.diagnostics), ...(host.trafficRules?.diagnostics ?? [])];
  const children: Branch[] = [
    ...host.origins.map((origin) => originBranch(origin, reasons, asked, now)),
    mergeBranch(host),
    ...rulesBranch(host.trafficRules),
    ...planBranches(host.plans, now),
    publishedBranch(host),
    ...leftOutBranch(host, asked),
    ...(problems.length === 0 ? [] : [problemBranch(problems)]),
  ];
  const notes = [...warnings(host, now), ...heldNotes(host, held, now), ...planNotes(host.plans), ...hints(host)];
  return `${renderTree({ text: `${host.host}: ${verdict(host, reasons)}`, children })}${notes.map((note) => `\n${note}\n`).join('')}`;
}

function keyOf(service: string, address: string, port: number): string {
  return `${service} ${address} ${port}`;
}

function verdict(host: ExplainedHost, reasons: ReadonlyMap<string, string>): string {
  const endpoints = host.origins.flatMap((origin) => origin.endpoints);
  const taking = endpoints.filter((e) => e.takesTraffic && !reasons.has(keyOf(e.origin, e.address, e.port))).length;
  const ports = host.merge.ports.map((port) => `${port.number} (${port.protocol})`).join(', ');
  const on = ports === '' ? '' : ` on port ${ports}`;
  if (host.origins.length === 0) return 'in no registry; it is known by its plans only';
  if (endpoints.length === 0) return 'no endpoints at all; callers get 503';
  if (taking === 0) return `none of ${count(endpoints.length, 'endpoint')} takes traffic${on}; callers get 503`;
  return `${taking} of ${count(endpoints.length, 'endpoint')} ${taking === 1 ? 'takes' : 'take'} traffic${on}`;
}

function originBranch(
  origin: ExplainedOrigin,
  reasons: ReadonlyMap<string, string>,
  asked: (address: string, port: number) => boolean,
  now: number,
): Branch {
  const state = stateOf(origin, now);
  // What was asked for first, then what gets nothing: at three in the morning that is what one looks for.
  const rank = (e: EndpointView) => (asked(e.address, e.port) ? 0 : e.takesTraffic ? 2 : 1);
  const endpoints =
    origin.endpoints.length > MOST_LINES ? [...origin.endpoints].sort((a, b) => rank(a) - rank(b)) : origin.endpoints;
  const width = Math.max(0, ...endpoints.slice(0, MOST_LINES).map((e) => hostPort(e.address, e.port).length));
  const lines = endpoints.map((endpoint) => {
    const reason = reasons.get(keyOf(origin.service, endpoint.address, endpoint.port));
    return { text: endpointText(endpoint, width, reason, asked(endpoint.address, endpoint.port)) };
  });
  const host = origin.defaultHost === undefined ? [] : [{ text: `its registry's own host for it: ${origin.defaultHost}` }];
  const rules = (origin.rules ?? []).map((rule) => ({ text: `rule ${rule}` }));
  return {
    text: `comes from ${origin.service} (${origin.kind}, ${state})${origin.via === undefined ? '' : `, which has it from ${origin.via.join(', ')}`}`,
    children: [...host, ...rules, ...(lines.length === 0 ? [{ text: 'the registry lists no instance' }] : bounded(lines))],
  };
}

function stateOf(origin: ExplainedOrigin, now: number): string {
  if (origin.state === 'stale' && origin.since !== undefined) return `stale for ${ago(now, origin.since)}`;
  // A live registry would have said otherwise: what we have is as new as it gets.
  if (origin.state === 'live' || origin.ageMs === undefined) return origin.state;
  return `${origin.state}, last complete read ${formatDuration(origin.ageMs)} ago`;
}

function endpointText(endpoint: EndpointView, width: number, reason: string | undefined, asked: boolean): string {
  const parts = [hostPort(endpoint.address, endpoint.port).padEnd(width)];
  if (endpoint.takesTraffic && reason === undefined) parts.push('takes traffic', `weight ${endpoint.weight}`);
  else parts.push(`gets nothing: ${reason ?? (endpoint.health === 'healthy' ? `weight ${endpoint.weight}` : endpoint.health)}`);
  if (endpoint.portName !== '') parts.push(endpoint.portName);
  if (endpoint.locality !== '') parts.push(endpoint.locality);
  if (endpoint.cluster !== '') parts.push(`cluster ${endpoint.cluster}`);
  if (endpoint.retained !== undefined) parts.push(keptText(endpoint.retained));
  const version = endpoint.labels['version'];
  if (version !== undefined) parts.push(`version ${version}`);
  if (asked) parts.push('← asked for');
  return parts.join('  ');
}

function mergeBranch(host: ExplainedHost): Branch {
  const ports = host.merge.ports.map((port) => ({ text: `port ${port.number} ${port.protocol}, named ${port.name}` }));
  const vip = host.merge.vip === undefined ? [] : [{ text: `virtual address ${host.merge.vip}` }];
  const rules = (host.merge.rules ?? []).map((rule) => ({ text: `rule ${rule}` }));
  const seen = host.merge.exportTo === undefined ? '' : `, seen by ${host.merge.exportTo.join(', ')}`;
  const place = host.merge.namespace === undefined ? [] : [{ text: `mesh namespace ${host.merge.namespace}${seen}` }];
  return { text: 'became', children: [{ text: `host rule: ${host.merge.rule}` }, ...rules, ...ports, ...vip, ...place] };
}

function publishedBranch(host: ExplainedHost): Branch {
  const { xds, mcp } = host.outputs;
  const line = (output: string, resource: PublishedResource): Branch => ({
    text: `${output}  ${typeName(resource.type)}  ${resource.name}  version ${resource.version}`,
  });
  const back = (host.published ?? []).map(({ to, name, state, entries, cause }): Branch => ({
    text: `registry ${to}  ${name}  ${state}  ${cause ?? entries.join(', ')}`,
  }));
  const lines = [...xds.map((resource) => line('xDS', resource)), ...mcp.map((resource) => line('MCP', resource)), ...back];
  return lines.length === 0 ? { text: 'published nowhere' } : { text: 'published as', children: bounded(lines) };
}

/** What is not among the endpoints above, nor told with its remedy among the problems below. */
function leftOutBranch(host: ExplainedHost, asked: (address: string, port: number) => boolean): readonly Branch[] {
  const listed = new Set(host.origins.flatMap((o) => o.endpoints.map((e) => keyOf(o.service, e.address, e.port))));
  const told = new Set(host.origins.flatMap((o) => o.diagnostics.map((d) => d.where)));
  const rest = host.leftOut.filter(
    (left) => !listed.has(keyOf(left.service, left.address, left.port)) && !told.has(left.address),
  );
  if (rest.length === 0) return [];
  const lines = rest.map((left) => {
    // Port 0: an instance whose address could not be read; the place says which.
    const which = left.port === 0 ? left.address : `${hostPort(left.address, left.port)} of ${left.service}`;
    return { text: `${which}: ${left.reason}${asked(left.address, left.port) ? '  ← asked for' : ''}` };
  });
  return [{ text: 'left out', children: bounded(lines) }];
}

function problemBranch(problems: readonly Diagnostic[]): Branch {
  const lines = problems.map((d) => ({
    text: `${d.severity}  ${d.where}: ${d.what}  [${d.code}]`,
    children: [{ text: d.meaning }, { text: `try: ${d.remedy}` }],
  }));
  return { text: count(problems.length, 'problem'), children: bounded(lines) };
}

function bounded(lines: readonly Branch[]): readonly Branch[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), { text: `and ${lines.length - MOST_LINES} more (-o json lists all)` }];
}

function warnings(host: ExplainedHost, now: number): readonly string[] {
  return host.origins.flatMap((origin) => {
    const cause = origin.cause === undefined ? '' : ` (${oneLine(origin.cause)})`;
    switch (origin.state) {
      case 'live':
        return [];
      case 'stale': {
        const since = origin.since === undefined ? '' : ` for ${ago(now, origin.since)}`;
        return [
          `! ${origin.source} cannot be reached${since}${cause}: this is what it said last. Nothing is deleted until it answers again.`,
        ];
      }
      case 'partial':
        return [`! ${origin.source} could be read only in part${cause}: instances may be missing here, none is deleted.`];
      case 'syncing':
        return [`! ${origin.source} has not been read completely yet${cause}: more may come.`];
      default:
        return origin.state satisfies never;
    }
  });
}

/** Endpoints that the registry no longer lists look like any other while their removal waits. */
function heldNotes(host: ExplainedHost, held: readonly HeldView[], now: number): readonly string[] {
  return held.flatMap((h) => {
    const concerned = host.origins.some(({ service }) => {
      const scope = service.slice(0, service.lastIndexOf('/'));
      return scope === h.scope && (h.services.includes(service) || h.services.length >= 20); // a list of 20 may be cut
    });
    if (!concerned) return [];
    const when = h.confirmAt > now ? `in ${formatDuration(h.confirmAt - now)} at the earliest` : 'with the next complete read';
    return [
      `! ${oneLine(h.scope)} no longer lists ${h.removing} of its ${count(h.of, 'endpoint')}: these are held, and go ${when}. Some of the above may be among them.\n` +
        `  To let them go now: isthmus release-held ${oneLine(h.scope)}`,
    ];
  });
}

function hints(host: ExplainedHost): readonly string[] {
  const tries: string[] = [];
  if (host.origins.some((origin) => origin.state !== 'live'))
    tries.push('isthmus get sources             which registries are not well');
  if (host.origins.length > 1) tries.push('isthmus get conflicts           who else claims a host');
  for (const { name } of host.plans ?? [])
    tries.push(`isthmus plan get ${name}`.padEnd(32) + 'what its step waits for, gates and proofs');
  if (host.outputs.xds.length > 0) tries.push('isthmus proxy status            whether the proxies took it');
  return tries.length === 0 ? [] : [`Look next:\n${tries.map((line) => `  ${line}`).join('\n')}`];
}

function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- what must not act on the terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
