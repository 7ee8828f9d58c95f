import { parseDuration } from '@isthmus/model';
import { parse } from 'yaml';
import type { ClusterInit } from './connection-pool.ts';

/** Istio has no active health checks: this annotation of a DestinationRule asks for them (docs/health-checks.md). */
export const HEALTH_CHECK_ANNOTATION = 'isthmus.dev/health-check';

export interface HealthCheckRule {
  readonly check:
    | { readonly kind: 'http'; readonly path: string; readonly host: string }
    | { readonly kind: 'tcp' }
    | { readonly kind: 'grpc'; readonly service: string };
  /** Milliseconds between two checks of a host, with and without traffic. */
  readonly interval: number;
  /** Milliseconds after which a check has failed. */
  readonly timeout: number;
  /** Failures in a row that take a host out; successes in a row that bring it back. */
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** Another port of the host than the one that serves; undefined: that one. */
  readonly port: number | undefined;
}

/** More than anybody needs: an annotation is written by hand. */
const MOST_CHARACTERS = 2_000;
const DEFAULTS = { interval: '10s', timeout: '5s', unhealthyThreshold: 3, healthyThreshold: 2 };
const FIELDS = new Set(['path', 'host', 'tcp', 'grpc', 'port', ...Object.keys(DEFAULTS)]);

/** `{path: /health, interval: 5s}`, `{tcp: true}` or `{grpc: orders.v1.Orders}`; or what is wrong with it. */
export function parseHealthCheck(text: string): HealthCheckRule | { readonly problem: string } {
  const fields = readFields(text);
  if (typeof fields === 'string') return { problem: fields };
  const check = kindOf(fields);
  if (typeof check === 'string') return { problem: check };
  const port = fields['port'];
  if (port !== undefined && !isWhole(port, 65_535)) return { problem: 'port is not a number from 1 to 65535' };

  const values = { ...DEFAULTS, ...fields };
  const [interval, timeout] = [values.interval, values.timeout].map((value) => parseDuration(String(value)) ?? 0);
  if (interval === undefined || interval < 100) return { problem: 'interval is no duration of 100ms or more' };
  if (timeout === undefined || timeout < 10) return { problem: 'timeout is no duration of 10ms or more' };
  const { unhealthyThreshold, healthyThreshold } = values;
  if (!isWhole(unhealthyThreshold, 1_000)) return { problem: 'unhealthyThreshold is not a number from 1 to 1000' };
  if (!isWhole(healthyThreshold, 1_000)) return { problem: 'healthyThreshold is not a number from 1 to 1000' };
  return { check, interval, timeout, unhealthyThreshold, healthyThreshold, port };
}

export function healthChecks(rule: HealthCheckRule, http2: boolean): NonNullable<ClusterInit['healthChecks']> {
  const { check, port } = rule;
  if (check.kind === 'grpc' && !http2) return []; // Envoy refuses the whole cluster
  return [
    {
      interval: duration(rule.interval),
      // Envoy's own would be a minute: a host that died would be found by the first caller after it.
      noTrafficInterval: duration(rule.interval),
      timeout: duration(rule.timeout),
      unhealthyThreshold: rule.unhealthyThreshold,
      healthyThreshold: rule.healthyThreshold,
      ...(port !== undefined && { altPort: port }),
      healthChecker:
        check.kind === 'http'
          ? { case: 'httpHealthCheck', value: { path: check.path, host: check.host, codecClientType: http2 ? 1 : 0 } }
          : check.kind === 'grpc'
            ? { case: 'grpcHealthCheck', value: { serviceName: check.service } }
            : { case: 'tcpHealthCheck', value: {} },
    },
  ];
}

function readFields(text: string): Record<string, unknown> | string {
  if (text.length > MOST_CHARACTERS) return `it has more than ${MOST_CHARACTERS} characters`;
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch {
    return 'it is no YAML';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no map such as {path: /health}';
  const unknown = Object.keys(value).find((key) => !FIELDS.has(key));
  return unknown === undefined ? { ...value } : `"${unknown}" is none of ${[...FIELDS].join(', ')}`;
}

function kindOf({ path, host, tcp, grpc }: Record<string, unknown>): HealthCheckRule['check'] | string {
  if ([path, tcp, grpc].filter((one) => one !== undefined).length !== 1) return 'it needs one of path, tcp and grpc';
  if (tcp === true) return { kind: 'tcp' };
  if (typeof grpc === 'string') return { kind: 'grpc', service: grpc };
  if (typeof path !== 'string' || !/^\/[!-~]*$/.test(path)) return 'path does not begin with / or has characters no URL has';
  if (host !== undefined && (typeof host !== 'string' || !/^[!-~]+$/.test(host))) return 'host is no host name';
  return { kind: 'http', path, host: host ?? '' };
}

function isWhole(value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

function duration(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}
