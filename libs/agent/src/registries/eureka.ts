import type { Registration } from '../provider/registration.ts';
import { eurekaName } from './eureka-client.ts';
import type { EurekaClient, EurekaInstance } from './eureka-client.ts';
import { applied, changesOf, countOf, differenceOf, instancesOf } from './eureka-delta.ts';
import { eurekaEndpoint } from './eureka-endpoint.ts';
import { EurekaRegistration, UnderWay } from './eureka-registration.ts';
import { processObserver } from './registry-observer.ts';
import type { RegistryObserver } from './registry-observer.ts';
import { tap } from './tap.ts';
import { fieldsOf, listOf, textOf } from './values.ts';

export type { EurekaClient } from './eureka-client.ts';

/** Applications of one client that are told of: those that the process has looked up. */
const MOST_APPS = 1_024;

interface FollowedClient {
  readonly apps: Set<string>;
  readonly underWay: UnderWay;
  stopped: boolean;
  /** A renewal's answer is being handled. */
  renewing: boolean;
  /** Deltas in a row after which the cache had not what the server counts. */
  drifts: number;
  before: ReadonlyMap<string, readonly EurekaInstance[]>;
}

const followed = new WeakMap<object, FollowedClient>();

/** What is followed of a client; the provider waits for what it registers and renews. */
function stateOf(client: unknown): FollowedClient {
  const known = followed.get(client as object);
  if (known !== undefined) return known;
  const made = {
    apps: new Set<string>(),
    underWay: new UnderWay(),
    stopped: false,
    renewing: false,
    drifts: 0,
    before: new Map(),
  };
  followed.set(client as object, made);
  return made;
}

/** For a provider: the instance that this client is to register and to take out. */
export function eurekaRegistration(client: object): Registration {
  observeEureka(client);
  return registrationOf(client as EurekaClient); // its own types leave out what it has of registering
}

function registrationOf(client: EurekaClient): Registration {
  return new EurekaRegistration(client, stateOf(client).underWay);
}

/**
 * Watches a client of `eureka-js-client` 4 or of its fork, or its module (every client): what it has of the applications that
 * this process looks up goes to the agent, its bugs are told, its registration is known to the provider. Nothing is polled.
 * @returns what was given
 */
export function observeEureka<T extends object>(target: T, observer: RegistryObserver = processObserver()): T {
  const { Eureka } = target as { readonly Eureka?: { readonly prototype: object } };
  const object = Eureka?.prototype ?? target;
  const { fault } = observer;
  for (const name of ['getInstancesByAppId', 'getInstancesByVipAddress'])
    tap(object, name, { after: (self, _, found) => lookedUp(self as EurekaClient, found, observer) }, fault);
  tap(
    object,
    'transformRegistry',
    {
      after: (self, [registry]) => {
        const client = self as EurekaClient;
        const { applications } = fieldsOf(registry);
        if (applications !== undefined && !fieldsOf(applications)['application']) emptyIgnored(client, observer);
        tellAll(client, observer);
      },
    },
    fault,
  );
  followDeltas(object, observer);
  followLease(object, observer);
  return target;
}

function lookedUp(client: EurekaClient, found: unknown, observer: RegistryObserver): void {
  const { apps } = stateOf(client);
  for (const instance of listOf(found)) {
    const app = textOf(fieldsOf(instance)['app']).toUpperCase();
    if (app === '' || apps.has(app) || apps.size >= MOST_APPS) continue;
    apps.add(app);
    tell(client, app, observer);
  }
}

function tellAll(client: EurekaClient, observer: RegistryObserver): void {
  for (const app of stateOf(client).apps) tell(client, app, observer);
}

function tell(client: EurekaClient, app: string, observer: RegistryObserver): void {
  observer.view(eurekaName(app), instancesOf(client.cache, app).map(eurekaEndpoint));
}

function emptyIgnored(client: EurekaClient, observer: RegistryObserver): void {
  for (const app of Object.keys(client.cache?.app ?? {}))
    if (instancesOf(client.cache, app).length > 0)
      observer.bug(
        eurekaName(app),
        'eureka-empty-ignored',
        'Eureka has nobody any more, and it keeps what it knew; from the rung discovery on the mesh’s view is called',
      );
}

function followDeltas(object: object, observer: RegistryObserver): void {
  tap(
    object,
    'handleDelta',
    {
      before: (self, [cache, delta]) => {
        const apps = [...changesOf(delta).keys()];
        stateOf(self).before = new Map(apps.map((app) => [app, [...instancesOf(cache, app)]]));
      },
      after: (self, [cache, delta]) => {
        const state = stateOf(self);
        const onlyUp = (self as EurekaClient).config?.eureka?.filterUpInstances === true;
        for (const [app, changes] of changesOf(delta)) {
          const expected = applied(state.before.get(app) ?? [], changes, onlyUp);
          const difference = differenceOf(expected, instancesOf(cache, app), onlyUp);
          if (difference !== 'none') wrongDelta(app, difference, observer);
          if (state.apps.has(app)) tell(self as EurekaClient, app, observer);
        }
        state.before = new Map();
      },
    },
    observer.fault,
  );
}

function wrongDelta(app: string, difference: 'another' | 'down', observer: RegistryObserver): void {
  if (difference === 'down')
    observer.bug(
      eurekaName(app),
      'eureka-delta-keeps-down',
      'an instance that is not UP any more stays in its list although filterUpInstances is on; check `status` of what it returns; from the rung discovery on the mesh’s view is called',
    );
  else
    observer.bug(
      eurekaName(app),
      'eureka-delta-hits-another',
      'a change of one instance was made at the first of its list: it has a dead one and lacks a living one until it reads everything again; set shouldUseDelta to false; from the rung discovery on the mesh’s view is called',
    );
}

/** Registration, renewals and stopping; all of it and each delta pass `eurekaRequest`. */
function followLease(object: object, observer: RegistryObserver): void {
  const { fault } = observer;
  tap(object, 'eurekaRequest', { instead: (self, args) => withAnswer(self as EurekaClient, args, observer) }, fault);
  const started = (self: unknown): void => void (stateOf(self).stopped = false);
  tap(object, 'start', { before: started }, fault);
  const stopped = (self: unknown): void => {
    const client = self as EurekaClient;
    stateOf(client).stopped = true;
    observer.deregistered(registrationOf(client).id);
  };
  tap(object, 'stop', { before: stopped }, fault);
  tap(object, 'deregister', { before: stopped }, fault);
  const register = (self: unknown): void => {
    const client = self as EurekaClient;
    const state = stateOf(client);
    if (state.renewing && state.stopped) {
      observer.bug(
        eurekaName(client.config?.instance?.app ?? ''),
        'eureka-back-after-stop',
        'a renewal that was under way when it stopped was answered 404, and it registered again as UP; shut down by the agent’s provider, which waits for it',
      );
      return;
    }
    state.stopped = false;
    observer.registered(registrationOf(client));
  };
  tap(object, 'register', { before: register }, fault);
}

function withAnswer(client: EurekaClient, args: readonly unknown[], observer: RegistryObserver): readonly unknown[] {
  const [options, callback, ...more] = args;
  const { method, uri } = fieldsOf(options);
  if (typeof callback !== 'function') return args;
  const state = stateOf(client);
  const isRenewal = method === 'PUT' && !textOf(uri).includes('/status');
  const isLease = isRenewal || method === 'POST';
  if (!isLease && uri !== 'delta') return args;
  if (isLease) state.underWay.begun();
  const answered = function (this: unknown, ...answer: unknown[]): unknown {
    state.renewing = isRenewal;
    try {
      return (callback as (...answer: unknown[]) => unknown).apply(this, answer);
    } finally {
      state.renewing = false;
      try {
        if (isLease) state.underWay.ended();
        else checkDrift(client, state, answer[2], observer);
      } catch (error) {
        observer.fault(error);
      }
    }
  };
  return [options, answered, ...more];
}

/** Every delta says what the whole registry adds up to, which the client does not look at: a delta that it missed is missed for good. */
function checkDrift(client: EurekaClient, state: FollowedClient, body: unknown, observer: RegistryObserver): void {
  const hash = typeof body === 'string' ? /"apps__hashcode"\s*:\s*"([^"]*)"/.exec(body)?.[1] : undefined;
  if (hash === undefined) return;
  const onlyUp = client.config?.eureka?.filterUpInstances === true;
  const cache = Object.values(client.cache?.app ?? {}).flatMap((list) => list ?? []);
  const has = onlyUp ? cache.filter(({ status }) => status === 'UP').length : cache.length;
  const wanted = countOf(hash, onlyUp);
  state.drifts = has === wanted ? 0 : state.drifts + 1;
  if (state.drifts < 2) return; // one may be of a change between two answers
  observer.bug(
    'eureka///',
    'eureka-delta-drifts',
    `Eureka has ${wanted} instances${onlyUp ? ' that are up' : ''}, its cache has ${has}: it missed a delta and will not notice; set shouldUseDelta to false`,
  );
}
