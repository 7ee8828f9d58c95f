import { toJson } from '@bufbuild/protobuf';
import type { Diagnostic } from '@isthmus/model';
import { HTTPMatchRequestSchema } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import { compareAge } from '../age.ts';
import type { ObjectChange } from '../scope/proxy-scopes.ts';

type Rule = IstioObject<'VirtualService'>;

/**
 * VirtualServices that name one host at one gateway for the same callers, which `istioctl analyze` warns of (IST0109). Sidecars go by the
 * first of them; at a Gateway their routes are joined, and only what the first takes already is lost. A change costs the hosts of its rule.
 */
export class HostConflicts {
  /** Merged rules, by gateway, who sees them, and host. */
  readonly #claims = new Map<string, Set<Rule>>();
  /** Keys with more than one. */
  readonly #crowded = new Set<string>();

  /** @param change of a merged rule: names resolved */
  take({ before, after }: ObjectChange<'VirtualService'>): void {
    for (const key of keysOf(before)) this.#set(key, before as Rule, false);
    for (const key of keysOf(after)) this.#set(key, after as Rule, true);
  }

  *diagnostics(): Generator<Diagnostic> {
    for (const key of [...this.#crowded].sort()) {
      const [gateway = '', , host = ''] = key.split(' ');
      const [first, ...others] = [...(this.#claims.get(key) ?? [])].sort(compareAge);
      if (first === undefined) continue;
      if (gateway === 'mesh') for (const rule of others) yield lost(host, first, rule);
      else yield* hiddenRoutes(gateway, host, [first, ...others]);
    }
  }

  #set(key: string, rule: Rule, isThere: boolean): void {
    const rules = this.#claims.get(key) ?? new Set<Rule>();
    if (isThere) this.#claims.set(key, rules.add(rule));
    else rules.delete(rule);
    if (rules.size === 0) this.#claims.delete(key);
    if (rules.size > 1) this.#crowded.add(key);
    else this.#crowded.delete(key);
  }
}

/** A rule for one namespace goes before one for all, which is meant: only those that the same callers see are compared. */
function keysOf(rule: Rule | undefined): readonly string[] {
  if (rule === undefined) return [];
  const { gateways, hosts } = rule.spec;
  const bound = gateways.length === 0 ? ['mesh'] : gateways;
  const places = bound.flatMap((gateway) => (gateway === 'mesh' ? callersOf(rule) : ['*']).map((who) => `${gateway} ${who}`));
  return places.flatMap((place) => hosts.map((host) => `${place} ${host}`));
}

/** Namespaces that see it; `*`: all. */
function callersOf({ namespace, spec: { exportTo } }: Rule): readonly string[] {
  if (exportTo.length === 0 || exportTo.includes('*')) return ['*'];
  return [...new Set(exportTo.map((to) => (to === '.' ? namespace : to)))].filter((to) => to !== '~');
}

function lost(host: string, first: Rule, rule: Rule): Diagnostic {
  return {
    ...warning(rule),
    what: `${nameOf(rule)}: the host ${host} is ${nameOf(first)}’s already, at ${first.place}`,
    meaning:
      'calls from sidecars go by that one, which is older or comes first by name; what this one says of the host has no effect',
    remedy: 'put the routes into one VirtualService, or let one delegate to the other',
  };
}

/** Routes that an earlier rule’s with the same match takes all requests from. */
function* hiddenRoutes(gateway: string, host: string, rules: readonly Rule[]): Generator<Diagnostic> {
  const taken = new Map<string, Rule>();
  for (const rule of rules) {
    const own = rule.spec.http.map(({ match }) => (match.length === 0 ? [EVERYTHING] : match.map(textOf)));
    for (const [n, matches] of own.entries()) {
      const by = taken.get(matches[0] ?? '');
      if (by === undefined || by === rule || !matches.every((match) => taken.has(match))) continue;
      yield {
        ...warning(rule),
        what: `${nameOf(rule)}: spec.http[${n}] is never used for the host ${host} at the Gateway ${gateway}: ${nameOf(by)}, at ${by.place}, takes the same requests`,
        meaning: 'the routes of both are joined, those of the older one first, then by name',
        remedy: 'give one of them another match, or put the routes into one VirtualService',
      };
    }
    for (const match of own.flat()) if (!taken.has(match)) taken.set(match, rule);
  }
}

const EVERYTHING = '';

/** What it takes, without what it is called. */
function textOf(match: Rule['spec']['http'][number]['match'][number]): string {
  const { name: _name, statPrefix: _prefix, ...rest } = toJson(HTTPMatchRequestSchema, match) as Record<string, unknown>;
  return JSON.stringify(rest);
}

function warning({ place }: Rule): Pick<Diagnostic, 'code' | 'severity' | 'where'> {
  return { code: 'istio.warning', severity: 'warning', where: place };
}

function nameOf({ namespace, name }: Rule): string {
  return `VirtualService ${namespace}/${name}`;
}
