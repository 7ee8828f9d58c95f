import { join } from 'node:path';
import { startIstiod } from '@isthmus/servers';
import { BenchChild } from './bench-child.ts';
import { ProcessCost } from './process-cost.ts';
import type { BridgeSays, BridgeSetup, BridgeTold, Change } from './xds-bridge-child.ts';

/** Who serves the streams: a bridge that serves nothing else, or an unmodified istiod that has the same bridge as its MCP source. */
export const SUBJECTS = ['isthmus', 'istiod', 'istiod, debounce 0'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

/** By default istiod lets some 25 clients a second in on two cores and refuses the others after a while: Envoys come again, ours do not. */
const NO_LIMIT = { PILOT_MAX_REQUESTS_PER_SECOND: '100000' };

/** The debounce that istiod has for whole pushes, and the one for endpoints alone. */
const NO_DEBOUNCE = { PILOT_DEBOUNCE_AFTER: '0s', PILOT_ENABLE_EDS_DEBOUNCE: 'false' };

/** One of them, with the same services. */
export class Subject {
  readonly name: SubjectName;
  readonly port: number;
  /** Of the process that serves the streams. */
  readonly cost: ProcessCost;
  readonly #bridge: BenchChild<BridgeSays, BridgeTold>;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    name: SubjectName,
    port: number,
    pid: number,
    bridge: BenchChild<BridgeSays, BridgeTold>,
    stack: AsyncDisposableStack,
  ) {
    this.name = name;
    this.port = port;
    this.cost = new ProcessCost(pid);
    this.#bridge = bridge;
    this.#stack = stack;
  }

  /** @param limited istiod lets in as many clients a second as it does by default */
  static async start(name: SubjectName, setup: Omit<BridgeSetup, 'mcp'>, limited = false): Promise<Subject> {
    await using stack = new AsyncDisposableStack();
    const file = join(import.meta.dirname, 'xds-bridge-child.ts');
    const profile = process.env['ISTHMUS_BENCH_PROFILES'];
    const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const bridge = stack.adopt(
      new BenchChild<BridgeSays, BridgeTold>(file, { ...setup, mcp: name !== 'isthmus' }, flags),
      (child) => child.close('end'),
    );
    const { port, mcpPort } = await bridge.next('ready', 120_000);
    if (name === 'isthmus') return new Subject(name, port, bridge.pid, bridge, stack.move());
    const env = { ...(limited ? {} : NO_LIMIT), ...(name === 'istiod' ? {} : NO_DEBOUNCE) };
    const istiod = stack.use(await startIstiod({ mcp: `127.0.0.1:${mcpPort}`, env }));
    return new Subject(name, istiod.ports.grpc, istiod.pid ?? 0, bridge, stack.move());
  }

  /**
   * One endpoint of a service gets another weight.
   * @returns when this was said: by the registry to the bridge, by the bridge to istiod
   */
  async change(service: number, weight: number): Promise<number> {
    const said = this.#bridge.next(this.name === 'isthmus' ? 'changed' : 'mcpPushed', 30_000);
    this.#bridge.tell(`change ${service} ${weight}`);
    return (await said).at;
  }

  /** Changes of one service after the other, without a pause. */
  async churn(perSecond: number, seconds: number): Promise<readonly Change[]> {
    const said = this.#bridge.next('churned', (seconds + 60) * 1_000);
    this.#bridge.tell(`churn ${perSecond} ${seconds}`);
    return (await said).changes;
  }

  close(): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
