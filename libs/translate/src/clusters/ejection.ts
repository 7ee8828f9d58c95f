import { parseDuration } from '@isthmus/model';
import { parse } from 'yaml';

/**
 * Istio ejects for errors in a row only; this annotation of a DestinationRule with `outlierDetection` adds what Envoy can beside them:
 * ejection for a share of errors, as the breakers of SDKs open (docs/lift.md).
 */
export const EJECTION_ANNOTATION = 'isthmus.dev/ejection';

export interface EjectionRule {
  /** 1–100: a host with at least this share of 5xx and connection errors within `interval` is ejected. */
  readonly failurePercentage: number;
  /** Requests to a host within `interval` below which it is not judged. */
  readonly requests: number;
  /** Hosts with as many requests below which none is judged. */
  readonly minimumHosts: number;
  /** ms; however often a host is ejected, no longer than this. Undefined: Envoy's 300 s. */
  readonly maxEjectionTime: number | undefined;
}

/** More than anybody needs: an annotation is written by hand. */
const MOST_CHARACTERS = 2_000;
const DEFAULTS = { requests: 50, minimumHosts: 1 };
const FIELDS = new Set(['failurePercentage', 'maxEjectionTime', ...Object.keys(DEFAULTS)]);

/** `{failurePercentage: 50, requests: 20}`; or what is wrong with it. */
export function parseEjection(text: string): EjectionRule | { readonly problem: string } {
  if (text.length > MOST_CHARACTERS) return { problem: `it has more than ${MOST_CHARACTERS} characters` };
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch {
    return { problem: 'it is no YAML' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { problem: 'it is no map such as {failurePercentage: 50}' };
  const unknown = Object.keys(value).find((key) => !FIELDS.has(key));
  if (unknown !== undefined) return { problem: `"${unknown}" is none of ${[...FIELDS].join(', ')}` };
  const { failurePercentage, requests, minimumHosts, maxEjectionTime } = { ...DEFAULTS, ...value } as Record<string, unknown>;
  if (!isWhole(failurePercentage, 1, 100)) return { problem: 'failurePercentage is no whole number from 1 to 100' };
  if (!isWhole(requests, 0, 1_000_000)) return { problem: 'requests is no whole number up to 1000000' };
  if (!isWhole(minimumHosts, 1, 10_000)) return { problem: 'minimumHosts is no whole number from 1 to 10000' };
  const longest = maxEjectionTime === undefined ? undefined : parseDuration(String(maxEjectionTime));
  if (maxEjectionTime !== undefined && (longest === undefined || longest < 1))
    return { problem: 'maxEjectionTime is no duration of 1ms or more' };
  return { failurePercentage, requests, minimumHosts, maxEjectionTime: longest };
}

/** Fields of Envoy's OutlierDetection, beside what the rule's own `outlierDetection` says. */
export function failurePercentage(rule: EjectionRule) {
  return {
    failurePercentageThreshold: rule.failurePercentage,
    failurePercentageRequestVolume: rule.requests,
    failurePercentageMinimumHosts: rule.minimumHosts,
    enforcingFailurePercentage: 100,
    ...(rule.maxEjectionTime !== undefined && {
      maxEjectionTime: {
        seconds: BigInt(Math.floor(rule.maxEjectionTime / 1000)),
        nanos: (rule.maxEjectionTime % 1000) * 1_000_000,
      },
    }),
  };
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
