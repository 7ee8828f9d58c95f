import type { IncomingMessage } from 'node:http';

/** What Envoy adds to a request that it passes on, and nobody who calls it has reason to send. `x-request-id` is none: applications pass it on. */
const MARKS = [
  'x-envoy-attempt-count',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-decorator-operation',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-forwarded-client-cert',
] as const;

/** Istio's inbound listener calls its application from this address. */
const PROXIES: readonly string[] = ['127.0.0.6'];
/** Who asks whether the process is well is no caller of the service. */
const PROBES = ['kube-probe/', 'Consul Health Check', 'Prometheus/', 'Envoy/HC'] as const;
/** Peers that are told apart; those that come later count without a name. */
const MOST_PEERS = 1_024;
const REPORTED_PEERS = 20;

export interface InboundOptions {
  /** Addresses of proxies that do not mark their calls. */
  readonly proxies?: readonly string[];
  /** Paths that are asked for by probes, up to a `?`. */
  readonly probePaths?: readonly string[];
}

export interface InboundCounts {
  readonly inbound: number;
  readonly unmarked: number;
  /** The busiest first, at most 20. */
  readonly peers: readonly { readonly address: string; readonly calls: number }[];
}

/**
 * Counts the calls that come in, and which of them came past the mesh: without a mark of Envoy and not from a proxy's address. It
 * tells honest callers apart and proves nothing about others: whoever sends one of these headers counts as a proxy.
 */
export class InboundCalls {
  readonly #proxies: ReadonlySet<string>;
  readonly #probePaths: readonly string[];
  #inbound = 0;
  #unmarked = 0;
  #peers = new Map<string, number>();
  #taken: readonly [number, number, ReadonlyMap<string, number>] = [0, 0, new Map()];

  constructor(options: InboundOptions = {}) {
    this.#proxies = new Set([...PROXIES, ...(options.proxies ?? [])]);
    this.#probePaths = options.probePaths ?? [];
  }

  /** Of each request; makes nothing that is to be collected, and does not touch `headers`, which Node makes at the first touch. */
  count(request: IncomingMessage): void {
    const { rawHeaders, socket } = request;
    let isProbe = false;
    let isMarked = false;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] as string;
      if (isMark(name)) isMarked = true;
      else if (name.length === 10 && equalIgnoringCase(name, 'user-agent'))
        isProbe ||= isProbeAgent(rawHeaders[at + 1] as string);
    }
    if (!isMarked && (isProbe || this.#isProbePath(request.url ?? ''))) return;
    this.#inbound += 1;
    if (isMarked) return;
    const address = socket.remoteAddress ?? '';
    if (this.#proxies.has(address) || this.#proxies.has(plain(address))) return;
    this.#unmarked += 1;
    this.#add(address, 1);
  }

  /** Since the last time. */
  take(): InboundCounts {
    const peers = [...this.#peers]
      .sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1))
      .slice(0, REPORTED_PEERS)
      .map(([address, calls]) => ({ address: plain(address), calls }));
    const counts = { inbound: this.#inbound, unmarked: this.#unmarked, peers };
    this.#taken = [this.#inbound, this.#unmarked, this.#peers];
    this.#inbound = 0;
    this.#unmarked = 0;
    this.#peers = new Map();
    return counts;
  }

  /** What was taken last did not arrive: it is taken again. */
  putBack(): void {
    const [inbound, unmarked, peers] = this.#taken;
    this.#taken = [0, 0, new Map()];
    this.#inbound += inbound;
    this.#unmarked += unmarked;
    for (const [address, calls] of peers) this.#add(address, calls);
  }

  #add(address: string, more: number): void {
    const calls = this.#peers.get(address);
    if (calls !== undefined) this.#peers.set(address, calls + more);
    else if (this.#peers.size < MOST_PEERS) this.#peers.set(address, more);
  }

  #isProbePath(url: string): boolean {
    for (const path of this.#probePaths)
      if (url.startsWith(path) && (url.length === path.length || url.charCodeAt(path.length) === 63)) return true;
    return false;
  }
}

function isMark(name: string): boolean {
  if ((name.charCodeAt(0) | 32) !== 120) return false; // x
  for (const mark of MARKS) if (name.length === mark.length && equalIgnoringCase(name, mark)) return true;
  return false;
}

function isProbeAgent(value: string): boolean {
  for (const probe of PROBES) if (value.startsWith(probe)) return true;
  return false;
}

/** @param lower a name of letters, digits and dashes in lower case, as long as `name` */
function equalIgnoringCase(name: string, lower: string): boolean {
  for (let at = 0; at < lower.length; at += 1) {
    const code = name.charCodeAt(at);
    if ((code >= 65 && code <= 90 ? code | 32 : code) !== lower.charCodeAt(at)) return false;
  }
  return true;
}

/** `::ffff:10.0.0.7` → `10.0.0.7` */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
