import type { Rung } from '@isthmus/ladder';
import { currentAgent } from '../process-agent.ts';
import { callBy } from './target-call.ts';
import type { CallAnswer, CallOptions } from './target-call.ts';

/** A service that this one calls, as the plan has it now. */
export class TargetHandle {
  /** `host:port` */
  readonly target: string;
  #turn = Math.floor(Math.random() * 1_000);

  constructor(target: string) {
    this.target = target;
  }

  /** The rung that is in force; `sdk` without an agent, and for what no plan names. */
  get rung(): Rung {
    return this.#place?.effective ?? 'sdk';
  }

  /** The rung that the plan wants. */
  get desired(): Rung {
    return this.#place?.desired ?? 'sdk';
  }

  /**
   * Where a call is to go by any client that the agent sees (docs/agent-clients.md), `HttpModule` too: an instance of the plan, in turn,
   * which the agent takes for a call to the target; without instances the target's own name.
   * @param path with its query, `/` by default
   */
  url(path = '/'): string {
    const { addresses = [], originatesTls = false, counts } = this.#place ?? {};
    this.#turn = (this.#turn + 1) % 0x7fff_ffff;
    const address = addresses[this.#turn % Math.max(1, addresses.length)] ?? this.target;
    // Found by the plan and not by the SDK: this call needs no registration.
    if (address !== this.target && counts !== undefined) counts.byInstance -= 1;
    return `${originatesTls ? 'https' : 'http'}://${address}${path.startsWith('/') ? '' : '/'}${path}`;
  }

  /** @throws {Error} as Node's own client fails; a status is never an error */
  call(path: string, options: CallOptions = {}): Promise<CallAnswer> {
    return callBy(this.url(path), options);
  }

  get #place() {
    return currentAgent()?.clients.target(this.target);
  }
}
