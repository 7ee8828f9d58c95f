/** Loads registry clients as an application does, after and before they are watched for, and says which of them are watched. */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { observeOnRequire } from './on-require.ts';
import { processObserver } from './registry-observer.ts';

const load = createRequire(import.meta.url);
const TAPPED = Symbol.for('isthmus.agent.tapped');
const isWatched = (method: unknown): boolean => typeof method === 'function' && TAPPED in method;
type Class = { readonly prototype: Readonly<Record<string, unknown>> };

const early = load('eureka-js-client') as { readonly Eureka: Class };
const undo = observeOnRequire(processObserver());
const { NacosNamingClient } = (await import('nacos')) as unknown as { readonly NacosNamingClient: Class };
const Consul = load('consul') as Class;
const watched = {
  imported: isWatched(NacosNamingClient.prototype['subscribe']),
  required: isWatched(Consul.prototype['watch']),
  before: isWatched(early.Eureka.prototype['handleDelta']),
};
undo();
const late = load('@rocketsoftware/eureka-js-client') as { readonly Eureka: Class };
parentPort?.postMessage({ ...watched, after: isWatched(late.Eureka.prototype['handleDelta']) });
