import type { Registration } from '../provider/registration.ts';
import { beatKey, groupedName, nacosName } from './nacos-client.ts';
import type { NacosClient, NacosInstance } from './nacos-client.ts';
import { followLookups, followPolling, NacosAnswers } from './nacos-answers.ts';
import { followBeats, isWarmUp, NacosRegistration } from './nacos-registration.ts';
import { processObserver } from './registry-observer.ts';
import type { RegistryObserver } from './registry-observer.ts';
import { tap } from './tap.ts';
import { fieldsOf, textOf } from './values.ts';

export type { NacosClient, NacosInstance } from './nacos-client.ts';

const attached = new WeakSet<object>();
/** npm `nacos` sends its first beat so long after it was made, whatever was asked. */
const FIRST_BEAT_MS = 10_000;

/**
 * Watches a client of npm `nacos` 2, or its module (all clients made from then on): what it knows of services goes to the agent,
 * its bugs are told, its registrations are known to the provider. The client does what it did; nothing more is asked of Nacos.
 * @returns what was given
 */
export function observeNacos<T extends object>(target: T, observer: RegistryObserver = processObserver()): T {
  const { NacosNamingClient } = target as { readonly NacosNamingClient?: { readonly prototype: object } };
  if (NacosNamingClient === undefined) attach(target as unknown as NacosClient, observer);
  else attachEach(NacosNamingClient.prototype, observer);
  return target;
}

/** For a provider: an instance that this client is to register and to take out. */
export function nacosRegistration(
  client: NacosClient,
  serviceName: string,
  instance: NacosInstance,
  groupName?: string,
): Registration {
  observeNacos(client);
  return new NacosRegistration(client, serviceName, instance, groupName);
}

/** Clients show themselves when they start (`_init`, the turn after they were made) or are first called, whichever is earlier. */
function attachEach(prototype: object, observer: RegistryObserver): void {
  const before = (self: unknown): void => attach(self as NacosClient, observer);
  tap(prototype, '_init', { before }, observer.fault);
  const register = {
    before,
    after: (_: unknown, __: unknown, work: unknown) => observer.registering(work),
    kept: (self: unknown, args: readonly unknown[]) => registered(self as NacosClient, args, observer),
  };
  tap(prototype, 'registerInstance', register, observer.fault);
  tap(prototype, 'deregisterInstance', deregistering(observer, before), observer.fault);
  for (const name of ['getAllInstances', 'selectInstances', 'subscribe']) tap(prototype, name, { before }, observer.fault);
}

function attach(client: NacosClient, observer: RegistryObserver): void {
  if (attached.has(client)) return;
  attached.add(client);
  const { fault } = observer;
  const register = {
    after: (_: unknown, __: unknown, work: unknown) => observer.registering(work),
    kept: (_: unknown, args: readonly unknown[]) => registered(client, args, observer),
  };
  tap(client, 'registerInstance', register, fault);
  tap(client, 'deregisterInstance', deregistering(observer), fault);
  if (client._serverProxy !== undefined) followBeats(client._serverProxy, fault);
  const reactor = client._hostReactor;
  if (reactor !== undefined) {
    new NacosAnswers(client, reactor, observer).follow();
    followLookups(client, reactor, observer);
    followPolling(client, reactor, observer);
  }
  const { username, password } = client._serverProxy?.options ?? {};
  if (textOf(username) !== '' && textOf(password) !== '')
    observer.bug(
      nacosName(client, ''),
      'nacos-password-in-url',
      'it sends user and password in the URL of every call, so they are in the access logs on the way; give it an account that may only do what it has to',
    );
}

function registered(client: NacosClient, args: readonly unknown[], observer: RegistryObserver): void {
  const [serviceName, instance, groupName] = args as [string, NacosInstance, string | undefined];
  if (isWarmUp(instance)) return;
  observer.registered(new NacosRegistration(client, serviceName, instance, groupName));
  const name = nacosName(client, groupedName(serviceName, groupName));
  if (instance.weight === 0)
    observer.bug(
      name,
      'nacos-weight-zero-is-one',
      'it was told to register with weight 0 and registered with 1: the instance gets calls; register it with enabled: false',
    );
  const timeout = Number(fieldsOf(instance.metadata)['preserved.heart.beat.timeout'] ?? Number.NaN);
  if (timeout < FIRST_BEAT_MS)
    observer.bug(
      name,
      'nacos-beat-too-late',
      `its first beat may come ${FIRST_BEAT_MS / 1_000} s after the start, but preserved.heart.beat.timeout is ${timeout} ms: the instance is unhealthy in between; set at least 12000, or register by the agent's provider, which sends a beat at once`,
    );
}

function deregistering(observer: RegistryObserver, first?: (self: unknown) => void) {
  return {
    before: (self: unknown, args: readonly unknown[]): void => {
      first?.(self);
      const client = self as NacosClient;
      const [serviceName, instance, groupName] = args as [string, NacosInstance, string | undefined];
      const grouped = groupedName(serviceName, groupName);
      if (client._beatReactor?._dom2Beat?.get(beatKey(grouped, instance))?.scheduled !== true) return;
      observer.bug(
        nacosName(client, grouped),
        'nacos-beat-under-way',
        'it deregisters while a beat is under way: one that arrives later registers the instance again, until its lease runs out; shut down by the agent’s provider, which waits for it',
      );
    },
    kept: (self: unknown, args: readonly unknown[]): void => {
      const [serviceName, instance, groupName] = args as [string, NacosInstance, string | undefined];
      const name = nacosName(self as NacosClient, groupedName(serviceName, groupName));
      observer.deregistered(`${name} ${instance.ip}:${instance.port}`);
    },
  };
}
