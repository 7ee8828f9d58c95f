import { ANYWHERE, parseCidr } from '@isthmus/model';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DownstreamTlsContextSchema, FilterChainSchema } from '@isthmus/proto/envoy';
import { compareText } from '../ordered.ts';
import { cidrKey } from './cidr.ts';
import type { Typed } from './typed.ts';

/** A filter chain before it is Envoy's: what it is for, and what then happens. */
export interface Chain {
  /** Names that a TLS client may ask for; empty, or with `*`: any. */
  readonly serverNames?: readonly string[];
  /** Where the caller wanted to go; empty: anywhere. */
  readonly destinations?: readonly string[];
  readonly applicationProtocols?: readonly string[];
  readonly transportProtocol?: string;
  /** Terminates TLS. */
  readonly tls?: MessageInitShape<typeof DownstreamTlsContextSchema>;
  readonly filters: readonly Typed[];
}

/** Told apart from TLS by the TLS inspector; everything without one is it. */
export const RAW = 'raw_buffer';
/** What the HTTP inspector says of HTTP in clear text. */
export const PLAIN_HTTP: readonly string[] = ['http/1.1', 'h2c'];

type Match = NonNullable<MessageInitShape<typeof FilterChainSchema>['filterChainMatch']>;

export function matchesAll({
  serverNames = [],
  destinations = [],
  applicationProtocols = [],
  transportProtocol,
}: Chain): boolean {
  const anyName = serverNames.length === 0 || serverNames.includes('*');
  return anyName && applicationProtocols.length === 0 && transportProtocol === undefined && destinations.length === 0;
}

/**
 * The chains without names that only Istio takes, such as `*-eu.example`: Envoy refuses a listener that has one, with all else on its
 * port (`partial wildcards are not supported in "server_names"`).
 */
export function chainsForEnvoy(chains: readonly Chain[]): readonly Chain[] {
  if (!chains.some(({ serverNames }) => serverNames?.some(isNoServerName))) return chains;
  return chains.flatMap((chain) => {
    if (chain.serverNames === undefined || chain.serverNames.length === 0) return [chain];
    const serverNames = chain.serverNames.filter((name) => !isNoServerName(name));
    return serverNames.length > 0 ? [{ ...chain, serverNames }] : [];
  });
}

/** Whether it has a `*` elsewhere than for whole labels at the beginning. */
export function isNoServerName(name: string): boolean {
  return name !== '*' && name.replace(/^\*\./, '').includes('*');
}

/** Envoy's match; undefined where it matches everything. */
export function matchOf(chain: Chain): Match | undefined {
  if (matchesAll(chain)) return undefined;
  const { serverNames = [], destinations = [], applicationProtocols = [], transportProtocol = '' } = chain;
  return {
    serverNames: serverNames.includes('*') ? [] : serverNames.toSorted(compareText),
    prefixRanges: destinations
      .toSorted(compareText)
      .map(parseCidr)
      .filter((cidr) => cidr !== undefined && cidr.addressPrefix !== ANYWHERE) as NonNullable<Match['prefixRanges']>,
    applicationProtocols: [...applicationProtocols],
    transportProtocol,
  };
}

/** What two chains of one listener may not share: Envoy rejects a listener in which two match the same. */
export function matchKey({ serverNames = [], destinations = [], applicationProtocols = [], transportProtocol }: Chain): string {
  const cidrs = destinations.map(parseCidr).filter((cidr) => cidr !== undefined && cidr.addressPrefix !== ANYWHERE);
  return JSON.stringify([
    transportProtocol,
    applicationProtocols,
    [...new Set(serverNames.filter((name) => name !== '*'))].sort(compareText),
    [...new Set(cidrs.map((cidr) => cidrKey(cidr as NonNullable<typeof cidr>)))].sort(compareText),
  ]);
}
