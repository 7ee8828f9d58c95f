import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import type { Agent } from '../../agent.ts';
import type { ClientAccess } from '../../client-access.ts';
import { Decider } from '../../decider.ts';
import { Diagnostics } from '../../diagnostics.ts';
import type { AgentDiagnostic } from '../../diagnostics.ts';
import type { ClientSeam } from '../../http/client-seam.ts';
import { Discovery } from '../discovery.ts';
import { mulberry } from './mulberry.ts';

const KEY = Symbol.for('isthmus.agent');

/** The deciding part of an agent, with plans and views of a test instead of a control plane's. */
export class ViewAgent {
  readonly said: AgentDiagnostic[] = [];
  readonly discovery: Discovery;
  readonly decider: Decider;
  readonly clients: ClientAccess;

  constructor(options: { readonly zone?: string; readonly egressPort?: number } = {}) {
    const now = (): number => performance.now();
    this.discovery = new Discovery({
      zone: options.zone ?? '',
      now,
      random: mulberry(),
      changed: () => this.decider.judge(),
      setTimer: () => () => undefined,
    });
    const diagnostics = new Diagnostics({ emit: (one) => this.said.push(one), now });
    this.decider = new Decider(diagnostics, (authority) => this.discovery.balancerOf(authority));
    const seam: ClientSeam = {
      egress: { host: '127.0.0.1', port: options.egressPort ?? 1 },
      decide: (host, port, read, carrier) => this.decider.decide(host, port, read, carrier),
      failed: () => undefined,
      diagnostics,
    };
    this.clients = {
      seam,
      target: (authority) => this.decider.target(authority),
      onChange: (listener) => this.decider.onChange(listener),
    };
  }

  adopt(...targets: readonly AgentTarget[]): void {
    this.discovery.follow(targets, false);
    this.decider.adopt({ schema: 1, version: '1', targets });
  }

  /** Makes it the one that the subpaths find. @returns ends that */
  install(): () => void {
    const global = globalThis as { [KEY]?: Agent };
    Object.defineProperty(global, KEY, { value: { clients: this.clients }, configurable: true });
    return () => delete global[KEY];
  }
}

/** One instance of a view. @param address `127.0.0.1:8080` */
export function endpoint(address: string, over: Partial<ViewEndpoint> = {}): ViewEndpoint {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, ''); // prettier-ignore
  return { address: host, port: Number(address.slice(colon + 1)), weight: 1, healthy: true, zone: '', protocol: '', ...over };
}
