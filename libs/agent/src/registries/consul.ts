import type { Registration } from '../provider/registration.ts';
import { ConsulRegistration, watchWeights } from './consul-registration.ts';
import type { ConsulClient } from './consul-registration.ts';
import { followWatch } from './consul-watch.ts';
import type { ConsulWatch } from './consul-watch.ts';
import { followHanging } from './consul-hanging.ts';
import { consulEndpoint, datacenterOf } from './consul-endpoint.ts';
import { processObserver } from './registry-observer.ts';
import type { RegistryObserver } from './registry-observer.ts';
import { tap } from './tap.ts';
import { fieldsOf, textOf } from './values.ts';
import type { Fields } from './values.ts';

export type { ConsulClient } from './consul-registration.ts';

/** Services whose datacenter is remembered, for answers that are empty and do not say it. */
const MOST_SERVICES = 1_024;

interface ConsulClass {
  readonly prototype: object;
  readonly Health?: { readonly prototype: object };
  readonly Agent?: { readonly Service?: { readonly prototype: object } };
}

/**
 * Watches a client of npm `consul` 1 or 2, or its module (every client): what its health queries and watches answer goes to the
 * agent, its bugs are told, what it registers at its agent is known to the provider. Nothing more is asked of Consul.
 * @returns what was given
 */
export function observeConsul<T extends object>(target: T, observer: RegistryObserver = processObserver()): T {
  if (typeof target === 'function') {
    const { prototype, Health, Agent } = target as unknown as ConsulClass;
    if (Health !== undefined) followHealth(Health.prototype, observer);
    if (Agent?.Service !== undefined) followAgent(Agent.Service.prototype, observer);
    followWatches(prototype, observer);
    return target;
  }
  const client = target as unknown as ConsulClient;
  if (client.health !== undefined) followHealth(client.health, observer);
  if (client.agent?.service !== undefined) followAgent(client.agent.service, observer);
  followWatches(client, observer);
  return target;
}

/** For a provider: a service that this client is to register at its agent and to take out. */
export function consulRegistration(client: ConsulClient, options: Fields): Registration {
  return new ConsulRegistration(client, options);
}

/** A watch calls `health.service` too, so each of its answers passes here. */
function followHealth(health: object, observer: RegistryObserver): void {
  const datacenters = new Map<string, string>();
  const kept = (_: unknown, [options]: readonly unknown[], value: unknown): void => {
    // With `includeResponse`, as watches ask, the answer is [response, entries].
    const [response, entries] = Array.isArray(value) && value.length === 2 && Array.isArray(value[1]) ? (value as [unknown, unknown[]]) : [undefined, value]; // prettier-ignore
    if (!Array.isArray(entries)) return;
    const service = typeof options === 'string' ? options : textOf(fieldsOf(options)['service']);
    const given = textOf(fieldsOf(options)['dc']);
    const found = given === '' ? datacenterOf(entries) : given;
    if (found !== '' && (datacenters.has(service) || datacenters.size < MOST_SERVICES)) datacenters.set(service, found);
    const datacenter = found === '' ? datacenters.get(service) : found;
    const name = `consul/${datacenter ?? ''}//${service}`;
    const headers = fieldsOf(fieldsOf(response)['headers']);
    if (headers['x-consul-results-filtered-by-acls'] === 'true')
      observer.bug(
        name,
        'consul-rights-hide-instances',
        'its token may not read all of the service or its nodes: it gets a shorter list and no error; give the token service:read and node:read',
      );
    if (service !== '' && datacenter !== undefined) observer.view(name, entries.map(consulEndpoint));
  };
  const hanging = followHanging(observer);
  const ended = (args: readonly unknown[]): void => hanging.ended(args);
  const watcher = {
    before: (_: unknown, args: readonly unknown[]) => hanging.begun(args),
    kept: (self: unknown, args: readonly unknown[], value: unknown) => {
      ended(args);
      kept(self, args, value);
    },
    failed: (_: unknown, args: readonly unknown[]) => ended(args),
  };
  tap(health, 'service', watcher, observer.fault);
}

function followWatches(holder: object, observer: RegistryObserver): void {
  const after = (_: unknown, [given]: readonly unknown[], watch: unknown): void => {
    const options = fieldsOf(fieldsOf(given)['options']);
    const name = `consul/${textOf(options['dc'])}//${textOf(options['service'])}`;
    followWatch(watch as ConsulWatch, name, observer);
  };
  tap(holder, 'watch', { after }, observer.fault);
}

function followAgent(service: object, observer: RegistryObserver): void {
  const clientOf = (self: unknown): ConsulClient | undefined => (self as { readonly consul?: ConsulClient }).consul;
  const optionsOf = (options: unknown): Fields => (typeof options === 'string' ? { name: options } : fieldsOf(options));
  const before = (self: unknown, [options]: readonly unknown[]): void => {
    const client = clientOf(self);
    const given = optionsOf(options);
    if (client === undefined) return;
    watchWeights(client, given, () =>
      observer.bug(
        `consul///${textOf(given['name'])}`,
        'consul-weights-dropped',
        'it was told to register with weights and left them out; register by the agent’s provider, which adds them, or by HTTP',
      ),
    );
  };
  const registered = (self: unknown, [options]: readonly unknown[]): void => {
    const client = clientOf(self);
    if (client !== undefined) observer.registered(new ConsulRegistration(client, optionsOf(options)));
  };
  const deregistered = (_: unknown, [options]: readonly unknown[]): void =>
    observer.deregistered(`consul ${typeof options === 'string' ? options : textOf(fieldsOf(options)['id'])}`);
  const after = (_: unknown, __: unknown, work: unknown): void => observer.registering(work);
  tap(service, 'register', { before, after, kept: registered }, observer.fault);
  tap(service, 'deregister', { kept: deregistered }, observer.fault);
}
