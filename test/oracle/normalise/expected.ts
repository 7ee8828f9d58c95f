import { isObject } from '../resource-set.ts';
import type { JsonObject } from '../resource-set.ts';
import { withFiles } from './agent-files.ts';
import { explicitProxyRoute } from './explicit-proxy.ts';
import { endpointsOnce } from './repeated-endpoints.ts';

/** A difference that is meant to be: what of a message is left out on both sides before they are compared. */
export interface Expected {
  readonly name: string;
  readonly why: string;
  /** The message without it; the same object where there is nothing of it. `path`: keys from the resource kind to this message. */
  readonly strip: (message: JsonObject, path: readonly string[]) => JsonObject;
}

/** Every one has a case in `expected.test.ts`; what is not here is a difference. */
export const expected: readonly Expected[] = [
  {
    name: 'metadata of Istio’s telemetry',
    why: 'read only by Istio’s own filters: which object a route is from, which workload an endpoint is',
    strip: (message) => (isObject(message['filterMetadata']) ? withoutKey(message, 'filterMetadata', 'istio') : message),
  },
  {
    name: 'names of statistics',
    why: 'Istio rewrites them for its own dashboards; a statPrefix that a VirtualService sets is in a route and stays',
    strip: (message) => without(message, isRoute(message) ? ['altStatName'] : ['altStatName', 'statPrefix']),
  },
  {
    name: 'bias of LEAST_REQUEST',
    why: 'with Envoy’s default the shares of unequal weights are not kept once calls overlap (docs/facts.md): ours is 0',
    strip: (message) =>
      isObject(message['leastRequestLbConfig']) ? withoutKey(message, 'leastRequestLbConfig', 'activeRequestBias') : message,
  },
  {
    name: 'files by Istio’s agent',
    why: 'certificates and CAs are the same files; istiod has its agent serve them by SDS, our Envoys read them',
    strip: (message) =>
      'combinedValidationContext' in message || 'tlsCertificateSdsSecretConfigs' in message ? withFiles(message) : message,
  },
  {
    name: 'route of the explicit proxy',
    why: 'domains with a port never match there, and what no service has would be sent back to the proxy itself (docs/facts.md)',
    strip: (message, path) => (path.length === 1 && message['name'] === 'http_proxy' ? explicitProxyRoute(message) : message),
  },
  {
    name: 'endpoints once for each address of their service',
    why: 'a ServiceEntry with three addresses has each instance three times at istiod; the shares are the same',
    strip: (message) => ('lbEndpoints' in message ? endpointsOnce(message) : message),
  },
  {
    name: 'a DNS cluster of nobody',
    why: 'Envoy rejects a LOGICAL_DNS cluster without a name, which istiod makes where a rule’s shares leave its only one out; ours is STRICT_DNS',
    strip: (message) => (isDnsOfNobody(message) ? without(message, ['type']) : message),
  },
];

function isDnsOfNobody({ type, loadAssignment }: JsonObject): boolean {
  return (type === 'LOGICAL_DNS' || type === 'STRICT_DNS') && !JSON.stringify(loadAssignment ?? {}).includes('"lbEndpoints"');
}

/** A `envoy.config.route.v3.Route` has a match and an action, nothing else with a statPrefix has. */
function isRoute(message: JsonObject): boolean {
  return isObject(message['match']);
}

function without(message: JsonObject, keys: readonly string[]): JsonObject {
  if (!keys.some((key) => key in message)) return message;
  return Object.fromEntries(Object.entries(message).filter(([key]) => !keys.includes(key)));
}

/** Leaves `inner` out of the message at `outer`, and that too when it is empty then. */
function withoutKey(message: JsonObject, outer: string, inner: string): JsonObject {
  const value = message[outer];
  if (!isObject(value) || !(inner in value)) return message;
  const rest = without(value, [inner]);
  return Object.keys(rest).length === 0 ? without(message, [outer]) : { ...message, [outer]: rest };
}
