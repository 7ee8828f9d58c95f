import type { MeshObject } from '@isthmus/model';
import type { LiftedHost } from './join-policies.ts';
import type { MeshEjection, MeshPolicy, MeshRetries } from './mesh-policy.ts';

const VERSION = 'networking.istio.io/v1';

/** Read by our xDS, and by nothing of Istio's (docs/lift.md). */
const EJECTION_ANNOTATION = 'isthmus.dev/ejection';

/** DestinationRule and VirtualService of a host; neither where there is nothing to say. */
export function rulesOf({ host, mesh }: LiftedHost, namespace: string): readonly MeshObject[] {
  return [...destinationRule(host, mesh, namespace), ...virtualService(host, mesh, namespace)];
}

function destinationRule(host: string, mesh: MeshPolicy, namespace: string): readonly MeshObject[] {
  const { ejection, maxRequests, maxPending, loadBalancer } = mesh;
  const trafficPolicy = {
    ...(loadBalancer === undefined ? {} : { loadBalancer: { simple: loadBalancer } }),
    ...(maxRequests === undefined
      ? {}
      : { connectionPool: { http: { http2MaxRequests: maxRequests, http1MaxPendingRequests: maxPending ?? maxRequests } } }),
    ...(ejection === undefined ? {} : { outlierDetection: outlierDetection(ejection) }),
  };
  if (Object.keys(trafficPolicy).length === 0) return [];
  const annotations = ejection === undefined ? {} : annotationsOf(ejection);
  const metadata = { name: nameOf(host), namespace, labels: {}, annotations };
  return [{ apiVersion: VERSION, kind: 'DestinationRule', metadata, spec: { host, trafficPolicy } }];
}

/** The default, 10 %, ejects nobody of fewer than ten instances; a breaker of an SDK refuses all there are. */
function outlierDetection({ consecutive5xx, interval, baseEjectionTime }: MeshEjection): Readonly<Record<string, unknown>> {
  return {
    consecutive5xxErrors: consecutive5xx,
    ...(interval === undefined ? {} : { interval: duration(interval) }),
    ...(baseEjectionTime === undefined ? {} : { baseEjectionTime: duration(baseEjectionTime) }),
    maxEjectionPercent: 100,
  };
}

/** The longest ejection is the first one: an SDK's breaker does not stay open longer each time. */
function annotationsOf({ failurePercentage, requests, baseEjectionTime }: MeshEjection): Readonly<Record<string, string>> {
  if (failurePercentage === undefined) return {};
  const rule = {
    failurePercentage,
    ...(requests === undefined ? {} : { requests }),
    ...(baseEjectionTime === undefined ? {} : { maxEjectionTime: `${Math.max(1, baseEjectionTime)}ms` }),
  };
  return { [EJECTION_ANNOTATION]: JSON.stringify(rule) };
}

function virtualService(host: string, { timeout, retries }: MeshPolicy, namespace: string): readonly MeshObject[] {
  if (timeout === undefined && retries === undefined) return [];
  const route = [{ destination: { host } }];
  // Istio’s default is none, and it refuses 0s.
  const rest = timeout === undefined || timeout === 0 ? {} : { timeout: duration(timeout) };
  const methods = retries === undefined || retries.attempts === 0 ? undefined : retries.methods;
  // Without `retries` istiod takes its own: two attempts more.
  const retried = { route, ...rest, retries: retries === undefined ? { attempts: 0 } : retriesOf(retries) };
  const http =
    methods === undefined
      ? [retried]
      : [
          { match: methods.map((method) => ({ method: { exact: method } })), ...retried },
          { route, ...rest, retries: { attempts: 0 } },
        ];
  const metadata = { name: nameOf(host), namespace, labels: {}, annotations: {} };
  return [{ apiVersion: VERSION, kind: 'VirtualService', metadata, spec: { hosts: [host], http } }];
}

function retriesOf({ attempts, perTryTimeout, retryOn, backoff }: MeshRetries): Readonly<Record<string, unknown>> {
  if (attempts === 0) return { attempts: 0 };
  return {
    attempts,
    ...(perTryTimeout === undefined ? {} : { perTryTimeout: duration(perTryTimeout) }),
    retryOn: retryOn.join(','),
    ...(backoff === undefined ? {} : { backoff: duration(backoff) }),
  };
}

/** At least 1 ms, which is the least of Istio's. */
function duration(ms: number): string {
  const whole = Math.max(1, Math.round(ms));
  return whole % 1000 === 0 ? `${whole / 1000}s` : `${whole}ms`;
}

function nameOf(host: string): string {
  return host.toLowerCase().replace(/[^a-z0-9.-]/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 253); // prettier-ignore
}
