import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { MARK_HEADER } from '@isthmus/ladder';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { Decider } from '../../decider.ts';
import type { Decision } from '../../decision-table.ts';
import { Diagnostics } from '../../diagnostics.ts';
import type { AgentDiagnostic } from '../../diagnostics.ts';
import { patchHttp } from '../../http/patch-http.ts';
import type { ClientSeam } from '../../http/client-seam.ts';
import type { SidecarSeen } from '../../sidecar-watch.ts';
import { targetCalls } from '../target-calls.ts';

const AGENT = Symbol.for('isthmus.agent');
export const HOST = 'orders.default-group.public.nacos';

/** What the instance does with the n-th request; `hang` never answers. */
export type Behaviour = (nth: number) => number | 'hang';

/**
 * A process with an agent, an instance and an egress, all real servers of this process. The egress retries as Envoy does for calls whose
 * mark does not keep the retries in the process, and answers for itself when told to.
 */
export class Storm {
  /** Requests at the instance, by the `x-call` of the logical call. */
  readonly attempts = new Map<string, number>();
  readonly diagnostics: AgentDiagnostic[] = [];
  /** Ways that were taken, by logical call. */
  readonly ways = new Map<string, Set<'sdk' | 'mesh'>>();
  behaviour: Behaviour = () => 200;
  /** Answers without asking the instance. */
  egressSays: ((response: http.ServerResponse) => void) | undefined;
  meshRetries = 2;
  readonly seam: ClientSeam;
  /** What the agent has seen of its sidecar. */
  readonly sidecar = { goodLooks: 1, lostAfter: -1, lostAt: 0 };
  readonly decider: Decider;
  #requests = 0;
  #instance!: http.Server;
  #egress!: http.Server;
  readonly #undo: (() => void)[] = [];
  #plan = 0;

  private constructor() {
    const diagnostics = new Diagnostics({ emit: (diagnostic) => void this.diagnostics.push(diagnostic), now: () => 0 });
    this.decider = new Decider(diagnostics);
    this.seam = {
      egress: { host: '127.0.0.1', port: 0 },
      decide: (host, port, read, carrier): Decision => this.decider.decide(host, port, read, carrier),
      failed: () => undefined,
      diagnostics,
    };
  }

  static async start(): Promise<Storm> {
    const storm = new Storm();
    storm.#instance = await listening((request, response) => storm.#asInstance(request, response));
    storm.#egress = await listening(
      (request, response) => void storm.#asEgress(request, response).catch(() => response.destroy()),
    );
    (storm.seam.egress as { port: number }).port = portOf(storm.#egress);
    storm.#undo.push(patchHttp(storm.seam));
    storm.decider.judge(() => true);
    storm.watchedBy(storm.sidecar);
    return storm;
  }

  get instancePort(): number {
    return portOf(this.#instance);
  }

  get url(): string {
    return `http://127.0.0.1:${this.instancePort}/`;
  }

  plan(target: Partial<AgentTarget>): void {
    const addresses = [`127.0.0.1:${this.instancePort}`];
    this.#plan += 1;
    const plan: AgentPlan = {
      schema: 1,
      version: String(this.#plan),
      targets: [{ host: HOST, port: 80, rung: 'sdk', addresses, ...target }],
    };
    this.decider.adopt(plan);
  }

  /** Instead of `lose` and `lookWell`. */
  watchedBy(seen: SidecarSeen): void {
    Object.defineProperty(globalThis, AGENT, { value: { calls: targetCalls(this.decider, seen) }, configurable: true });
  }

  /** The agent finds out that its sidecar hangs: calls are back on the SDK. */
  lose(): void {
    this.sidecar.lostAfter = this.sidecar.goodLooks;
    this.sidecar.lostAt = performance.now();
    this.decider.judge(() => false);
  }

  /** A look that finds the sidecar well. */
  lookWell(): void {
    this.sidecar.goodLooks += 1;
    this.decider.judge(() => true);
  }

  /** By `http.request`, as the SDK would call the instance that it picked. Answers 5xx as answers. */
  get(call: string, path = '/'): Promise<http.IncomingMessage & { readonly text: string }> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.instancePort, path, headers: { 'x-call': call } };
      http
        .get(options, (answer) => {
          let text = '';
          answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
          answer.on('end', () => resolve(Object.assign(answer, { text })));
        })
        .on('error', reject);
    });
  }

  get mostAttempts(): number {
    return Math.max(0, ...this.attempts.values());
  }

  async stop(): Promise<void> {
    Reflect.deleteProperty(globalThis, AGENT);
    for (const undo of this.#undo.splice(0)) undo();
    await Promise.all(
      [this.#instance, this.#egress].map(async (server) => {
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        await closed;
      }),
    );
  }

  #asInstance(request: http.IncomingMessage, response: http.ServerResponse): void {
    const call = String(request.headers['x-call']);
    this.attempts.set(call, (this.attempts.get(call) ?? 0) + 1);
    const way = request.headers['x-way'] === 'mesh' ? 'mesh' : 'sdk';
    this.ways.set(call, (this.ways.get(call) ?? new Set()).add(way));
    const status = this.behaviour(this.#requests++);
    if (status !== 'hang')
      response.writeHead(status, { 'x-envoy-upstream-service-time': '1' }).end(status < 400 ? way : 'failed');
  }

  async #asEgress(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (this.egressSays !== undefined) {
      this.egressSays(response);
      return;
    }
    const keeps = String(request.headers[MARK_HEADER] ?? this.keeps).split(',');
    const tries = keeps.includes('retry') ? 1 : 1 + this.meshRetries;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const answer = await this.#forward(request);
      if ((answer.statusCode ?? 500) < 500 || attempt === tries) {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, server: 'envoy' });
        answer.pipe(response);
        return;
      }
      answer.resume();
    }
  }

  /** What a call without a mark keeps in the process. */
  keeps = 'none';

  #forward(request: http.IncomingMessage): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      // Without an agent of the process's: what the agent patches is not passed.
      const options = { host: '127.0.0.1', port: this.instancePort, method: request.method ?? 'GET', path: request.url ?? '/' };
      const headers = { ...request.headers, host: 'instance', 'x-way': 'mesh', connection: 'close' };
      const onward = http.request({ ...options, headers, agent: new PlainAgent() }, resolve);
      onward.on('error', reject);
      request.pipe(onward);
    });
  }
}

/** The patch is of `http.Agent.prototype`: an own method is before it. */
class PlainAgent extends http.Agent {
  addRequest = ADD_REQUEST;
}

const ADD_REQUEST = (http.Agent.prototype as unknown as { addRequest: (...values: unknown[]) => void }).addRequest;

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}

async function listening(handler: http.RequestListener): Promise<http.Server> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** 30 % of the requests fail, the same ones in every run. */
export function thirtyPercent(nth: number): number {
  return (Math.imul(nth + 1, 0x9e3779b1) >>> 0) / 2 ** 32 < 0.3 ? 500 : 200;
}
