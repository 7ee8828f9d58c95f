// Many xDS clients in one process, started by xds-swarm.ts: each asks like an Envoy, in its order, and answers at once.
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { CDS, EDS, LDS, RDS } from '@isthmus/xds';
import { loadedServices } from './loaded-services.ts';
import { monotonic } from './monotonic.ts';
import { Sightings } from './sightings.ts';
import { percentile } from './statistics.ts';
import { SwarmStream } from './swarm-stream.ts';
import type { Received, SwarmTransport } from './swarm-stream.ts';
import type { Change } from './xds-bridge-child.ts';

export interface SwarmSetup {
  readonly port: number;
  readonly streams: number;
  /** Of one connection. Envoys have one each. */
  readonly perConnection: number;
  /** Taken in turns. */
  readonly transports: readonly SwarmTransport[];
  /** `outbound|80||load-N.scripted` for all N below. */
  readonly services: number;
  /** Note which weights come. */
  readonly decode: boolean;
}

export type SwarmSays =
  /** All have clusters, endpoints, listeners and routes; ms from `connect`. */
  | { readonly kind: 'synced'; readonly firstMs: number; readonly medianMs: number; readonly lastMs: number }
  /** Each has got endpoints since `arm`; `monotonic()` of the first and the last one's answer. */
  | { readonly kind: 'all'; readonly firstAt: number; readonly lastAt: number; readonly messages: number; readonly bytes: number }
  /** `messages`: of endpoints, since all were synced or `arm`. */
  | {
      readonly kind: 'lags';
      readonly p50: number;
      readonly p99: number;
      readonly longest: number;
      readonly lost: number;
      readonly messages: number;
    }
  | { readonly kind: 'ended'; readonly reason: string }
  | { readonly kind: 'armed' };

export type SwarmTold = 'connect' | 'arm' | `lags ${string}` | 'end';

const setup = JSON.parse(process.argv[2] ?? '{}') as SwarmSetup;
const say = (message: SwarmSays) => void process.send?.(message);
const endpoints = Array.from({ length: setup.services }, (_, n) => `outbound|80||load-${n}.scripted`);
const ROUTES = ['80'];
/** As Envoy: 16 MiB for a stream, 24 for a connection. */
const STREAM_WINDOW = 16 * 2 ** 20;
const CONNECTION_WINDOW = 24 * 2 ** 20;

/** ms; Envoy's default for an xDS stream. */
const FIRST_PAUSE = 500;

const sessions: ClientHttp2Session[] = [];
const syncedAt: number[] = [];
let begun = 0;
let armed = new Set<number>();
let firstAt = 0;
let messages = 0;
let bytes = 0;
/** By stream. */
const seen: Sightings[] = [];

process.on('message', (told: SwarmTold) => {
  if (told === 'connect') connectAll();
  else if (told === 'arm') arm();
  else if (told === 'end') process.exit(0);
  else say(lags(JSON.parse(told.slice('lags '.length)) as Change[]));
});
process.on('disconnect', () => process.exit(0));

function connectAll(): void {
  begun = monotonic();
  for (let n = 0; n < setup.streams; n += 1) {
    if (n % setup.perConnection === 0) sessions.push(session());
    const transport = setup.transports[n % setup.transports.length]!;
    open(n, sessions.at(-1)!, transport);
  }
}

function session(): ClientHttp2Session {
  const made = connect(`http://127.0.0.1:${setup.port}`, { settings: { initialWindowSize: STREAM_WINDOW, enablePush: false } });
  made.on('connect', () => made.setLocalWindowSize(CONNECTION_WINDOW));
  made.on('error', () => undefined); // its streams tell of it
  return made;
}

/** Who is sent away before it has everything comes again over a connection of its own, as an Envoy does, after 0.5 to 1 s and longer each time. */
function again(n: number, transport: SwarmTransport, attempts: number): void {
  const wait = Math.min(30_000, FIRST_PAUSE * 2 ** attempts) * (0.5 + Math.random() / 2);
  setTimeout(() => {
    const over = session();
    sessions.push(over);
    open(n, over, transport, attempts + 1);
  }, wait);
}

function open(n: number, over: ClientHttp2Session, transport: SwarmTransport, attempts = 0): void {
  let listed = 0;
  let stage: 'clusters' | 'endpoints' | 'listeners' | 'routes' | 'synced' | 'gone' = 'clusters';
  const sightings = new Sightings();
  seen[n] = sightings;
  const received = ({ type, resources, bytes: length }: Received, message: Buffer): void => {
    if (stage === 'synced' && type === EDS) {
      const at = monotonic();
      took(n, at, length);
      if (setup.decode) for (const [service, weight] of loadedServices(message, transport)) sightings.add(service, weight, at);
    } else if (type === CDS && stage === 'clusters') {
      stage = 'endpoints';
      stream.subscribe(EDS, endpoints);
    } else if (type === EDS && stage === 'endpoints') {
      listed += resources;
      if (listed < setup.services) return;
      stage = 'listeners';
      stream.subscribe(LDS, []);
    } else if (type === LDS && stage === 'listeners') {
      stage = 'routes';
      stream.subscribe(RDS, ROUTES);
    } else if (type === RDS && stage === 'routes') {
      stage = 'synced';
      syncedAt.push(monotonic() - begun);
      if (syncedAt.length === setup.streams)
        say({ kind: 'synced', firstMs: syncedAt[0]!, medianMs: percentile(syncedAt, 0.5), lastMs: syncedAt.at(-1)! });
    }
  };
  const ended = (reason: string): void => {
    say({ kind: 'ended', reason });
    if (stage === 'synced') return;
    stage = 'gone';
    over.destroy();
    again(n, transport, attempts);
  };
  const stream = new SwarmStream(over, transport, node(n), { received, ended });
  stream.subscribe(CDS, []);
}

/** A sidecar of its own: `sidecar~IP~pod-N.default~default.svc.cluster.local`, all traffic redirected. */
function node(n: number): Uint8Array {
  const ip = `172.16.${n >> 8}.${n & 255}`;
  const text = (value: string): Uint8Array => new BinaryWriter().tag(3, 2).string(value).finish();
  const field = (key: string, value: string): Uint8Array =>
    new BinaryWriter().tag(1, 2).string(key).tag(2, 2).bytes(text(value)).finish();
  const metadata = new BinaryWriter();
  const said = { NAMESPACE: 'default', CLUSTER_ID: 'Kubernetes', INTERCEPTION_MODE: 'REDIRECT', INSTANCE_IPS: ip };
  for (const [key, value] of Object.entries(said)) metadata.tag(1, 2).bytes(field(key, value));
  return new BinaryWriter()
    .tag(1, 2)
    .string(`sidecar~${ip}~pod-${n}.default~default.svc.cluster.local`)
    .tag(2, 2)
    .string('bench.default')
    .tag(3, 2)
    .bytes(metadata.finish())
    .tag(6, 2)
    .string('envoy')
    .finish();
}

function arm(): void {
  armed = new Set(Array.from({ length: setup.streams }, (_, n) => n));
  firstAt = 0;
  messages = 0;
  bytes = 0;
  say({ kind: 'armed' });
}

function took(n: number, at: number, length: number): void {
  messages += 1;
  bytes += length;
  if (firstAt === 0) firstAt = at;
  if (armed.delete(n) && armed.size === 0) say({ kind: 'all', firstAt, lastAt: at, messages, bytes });
}

/** ms from each change until each stream had it or a later one of the same service. */
function lags(changes: readonly Change[]): SwarmSays {
  const all: number[] = [];
  let lost = 0;
  for (const sightings of seen) {
    const weights = sightings.byService();
    for (const [service, weight, at] of changes) {
      const came = weights.get(service)?.find(([is]) => is >= weight);
      if (came === undefined) lost += 1;
      else all.push(came[1] - at);
    }
  }
  return { kind: 'lags', p50: percentile(all, 0.5), p99: percentile(all, 0.99), longest: percentile(all, 1), lost, messages };
}
