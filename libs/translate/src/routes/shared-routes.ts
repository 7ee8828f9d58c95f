import type { ServicePort } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { RouteContext } from './route-context.ts';

type Rule = IstioObject<'VirtualService'>;
type FoundRule = ReturnType<RouteContext['destinationRule']>;
type FoundPorts = readonly ServicePort[] | undefined;

/** By host; lists are a third of two maps, and there is one for each rule. */
interface Found<Value> {
  readonly hosts: readonly string[];
  readonly values: readonly Value[];
}

/** What was made of a rule, and what was looked up for it: proxies for whom the same is found share it. */
interface Variant<Made> {
  readonly key: string;
  readonly retries: RouteContext['retries'];
  readonly rules: Found<FoundRule>;
  /** Of destinations without a port. */
  readonly ports: Found<FoundPorts>;
  readonly made: Made;
}

/** Variants of a rule that are kept; with more the oldest goes, and is made again if it is asked for. */
const MOST_KEPT = 16;

/**
 * The encoded routes of rules, made once for all proxies and routes that would have the same bytes: a thousand rules cost the
 * second kind of proxy what finding them costs. A changed rule is another object, and its old bytes go with it.
 */
export class SharedRoutes<Made> {
  readonly #made = new WeakMap<Rule, readonly Variant<Made>[]>();

  /**
   * @param key all that the result depends on beside the rule and the context
   * @param make is given `at` for any port, and must ask nothing but it
   */
  of(rule: Rule, key: string, at: RouteContext, make: (on: (port: number) => RouteContext) => Made): Made {
    const whole = [key, at.port, at.gateway, at.tls, at.proxy.grpc, sourceOf(rule, at)].join(' ');
    const variants = this.#made.get(rule) ?? [];
    const known = variants.find((variant) => variant.key === whole && isSame(variant, at));
    if (known !== undefined) return known.made;
    const rules = new Map<string, FoundRule>();
    const ports = new Map<string, FoundPorts>();
    const destinationRule = noted(rules, at.destinationRule);
    const portsOf = noted(ports, (host) => at.service(host)?.ports);
    const service = (host: string) => {
      const its = portsOf(host);
      return its === undefined ? undefined : { ports: its };
    };
    const made = make((port) => ({ ...at, port, destinationRule, service }));
    const variant = { key: whole, retries: at.retries, rules: found(rules), ports: found(ports), made };
    this.#made.set(rule, [...variants.slice(1 - MOST_KEPT), variant]);
    return made;
  }
}

function isSame({ retries, rules, ports }: Variant<unknown>, at: RouteContext): boolean {
  if (retries !== at.retries) return false;
  return (
    rules.hosts.every((host, n) => at.destinationRule(host) === rules.values[n]) &&
    ports.hosts.every((host, n) => at.service(host)?.ports === ports.values[n])
  );
}

const NOTHING: Found<never> = { hosts: [], values: [] };

function found<Value>(by: ReadonlyMap<string, Value>): Found<Value> {
  return by.size === 0 ? NOTHING : { hosts: [...by.keys()], values: [...by.values()] };
}

function noted<Value>(known: Map<string, Value>, find: (host: string) => Value): (host: string) => Value {
  return (host) => {
    if (!known.has(host)) known.set(host, find(host));
    return known.get(host) as Value;
  };
}

/** Of the proxy, what the rule's matches ask about the caller. */
function sourceOf({ spec }: Rule, { proxy }: RouteContext): string {
  let asksNamespace = false;
  let labels: string[] | undefined;
  for (const { match } of spec.http) {
    for (const { sourceLabels, sourceNamespace } of match) {
      asksNamespace ||= sourceNamespace !== '';
      for (const name in sourceLabels) (labels ??= []).push(name);
    }
  }
  if (labels === undefined && !asksNamespace) return '';
  const values = [...new Set(labels)].sort().map((name) => [name, proxy.labels[name] ?? null]);
  return JSON.stringify([asksNamespace ? proxy.namespace : '', values]);
}
