import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { CDS, EDS, LDS, RDS } from '@isthmus/xds';
import { monotonic } from './monotonic.ts';
import { rulesIn } from './rules-load.ts';
import type { RulesFor } from './rules-load.ts';
import { SwarmStream, resourceNames } from './swarm-stream.ts';
import { waitFor } from './wait.ts';

/** As Envoy: 16 MiB for a stream, 24 for a connection. */
const STREAM_WINDOW = 16 * 2 ** 20;
const CONNECTION_WINDOW = 24 * 2 ** 20;

/** One delta client that asks for everything in Envoy's order, and looks for rules in the routes that come. */
export class RulesClient {
  readonly #session: ClientHttp2Session;
  readonly #start = monotonic();
  #rules = 0;
  #completeAt = Number.NaN;
  #failure: string | undefined;
  #routes: Buffer = Buffer.alloc(0);
  #routesAt = Number.NaN;
  #bytes = 0;

  /** @param namespace another one is another kind of proxy, for whom nothing was translated yet */
  constructor(port: number, as: RulesFor, namespace: string, rules: number) {
    this.#session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: STREAM_WINDOW, enablePush: false } });
    this.#session.on('connect', () => this.#session.setLocalWindowSize(CONNECTION_WINDOW));
    this.#session.on('error', (error: Error) => (this.#failure = error.message));
    let stage: 'clusters' | 'endpoints' | 'routes' = 'clusters';
    const stream = new SwarmStream(this.#session, 'delta', nodeOf(as, namespace), {
      received: ({ type }, message) => {
        this.#bytes += message.length;
        if (type === RDS) {
          this.#routesAt = monotonic();
          this.#routes = message;
          this.#rules = Math.max(this.#rules, rulesIn(message));
          if (this.#rules >= rules && Number.isNaN(this.#completeAt)) this.#completeAt = this.#routesAt;
        } else if (type === CDS && stage === 'clusters') {
          stage = 'endpoints';
          stream.subscribe(
            EDS,
            resourceNames(message, 'delta').filter((name) => name.startsWith('outbound|')),
          );
          stream.subscribe(LDS, []);
        } else if (type === LDS && stage === 'endpoints') {
          stage = 'routes';
          stream.subscribe(RDS, [as === 'router' ? 'http.80' : '80']);
        }
      },
      ended: (reason) => (this.#failure ??= reason),
    });
    stream.subscribe(CDS, []);
  }

  /** ms from the first byte asked until all rules were there. @throws Error when they are not in time */
  async complete(deadlineMs: number): Promise<number> {
    await waitFor(
      'the routes of all rules',
      () => {
        if (this.#failure !== undefined) throw new Error(`the stream ended: ${this.#failure}`);
        return !Number.isNaN(this.#completeAt);
      },
      deadlineMs,
      2,
    );
    return this.#completeAt - this.#start;
  }

  get rules(): number {
    return this.#rules;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** When routes came that have the text in them, `monotonic()`. */
  async routesWith(text: string, deadlineMs: number): Promise<number> {
    await waitFor(`routes with ${text}`, () => this.#routes.includes(text), deadlineMs, 1);
    return this.#routesAt;
  }

  close(): void {
    this.#session.destroy();
  }
}

function nodeOf(as: RulesFor, namespace: string): Uint8Array {
  const text = (value: string): Uint8Array => new BinaryWriter().tag(3, 2).string(value).finish();
  const struct = (entries: Readonly<Record<string, string>>): Uint8Array => {
    const writer = new BinaryWriter();
    for (const [key, value] of Object.entries(entries))
      writer.tag(1, 2).bytes(new BinaryWriter().tag(1, 2).string(key).tag(2, 2).bytes(text(value)).finish());
    return writer.finish();
  };
  const labels = new BinaryWriter()
    .tag(5, 2)
    .bytes(struct({ bench: 'edge' }))
    .finish();
  const metadata = new BinaryWriter()
    .raw(struct({ NAMESPACE: namespace, INTERCEPTION_MODE: 'REDIRECT' }))
    .tag(1, 2)
    .bytes(new BinaryWriter().tag(1, 2).string('LABELS').tag(2, 2).bytes(labels).finish())
    .finish();
  return new BinaryWriter()
    .tag(1, 2)
    .string(`${as}~172.16.0.1~bench.${namespace}~${namespace}.svc.cluster.local`)
    .tag(2, 2)
    .string('bench')
    .tag(3, 2)
    .bytes(metadata)
    .finish();
}
