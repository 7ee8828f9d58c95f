import type { ServiceView, SourceView } from '@isthmus/contract';
import { renderTree } from './tree.ts';
import type { Branch } from './tree.ts';
import { ago, count, scopeName } from './words.ts';

/** The answer to a query that matches nothing: what was looked through, and what may have been meant. */
export function renderNothingKnown(
  query: string,
  sources: readonly SourceView[],
  services: readonly ServiceView[],
  now: number,
): string {
  const children: Branch[] = [
    {
      text: sources.length === 0 ? 'no registry is configured or read yet' : 'looked through',
      children: sources.map((s) => ({ text: sourceText(s, now) })),
    },
  ];
  const close = closest(
    query,
    services.map((service) => service.host),
  );
  if (close.length > 0) children.push({ text: 'did you mean', children: close.map((text) => ({ text })) });
  const unsure = sources.some((s) => s.state !== 'live');
  const notes = [
    unsure
      ? 'A registry that is not live may have it nevertheless: see `isthmus get sources`.'
      : 'Every registry was read completely: it is not registered.',
    'Names are mesh hosts, such as orders.default-group.public.nacos, inventory.dc1.consul, payments.eureka; `isthmus get services` lists them.',
  ];
  return `${renderTree({ text: `nothing is known of ${query}`, children })}\n${notes.join('\n')}\n`;
}

function sourceText(s: SourceView, now: number): string {
  const scope = scopeName(s.namespace, s.group);
  const state = s.state === 'stale' && s.since !== undefined ? `stale for ${ago(now, s.since)}` : s.state;
  const cause = s.cause === undefined ? '' : `: ${s.cause}`;
  return `${s.source}${scope === '' ? '' : ` ${scope}`} (${s.kind}, ${state}${cause}), ${count(s.services, 'service')}`;
}

/** Hosts that share the query's first label, or hold it. */
function closest(query: string, hosts: readonly string[]): readonly string[] {
  const first = query.toLowerCase().split('.')[0] ?? '';
  if (first === '' || /^[\d:[\]]+$/.test(first)) return [];
  const same = hosts.filter((host) => host.split('.')[0] === first);
  const holding = hosts.filter((host) => !same.includes(host) && host.includes(first));
  return [...same, ...holding].slice(0, 5);
}
