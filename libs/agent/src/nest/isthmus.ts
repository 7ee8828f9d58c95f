import type { Agent, AgentOptions } from '../agent.ts';
import { currentAgent, register, startProcessAgent } from '../process-agent.ts';
import { createProvider } from '../provider/process-provider.ts';
import type { Provider, ProviderOptions } from '../provider/provider.ts';
import { TargetHandle } from './target-handle.ts';
import { authorityOf } from './target.ts';

export interface IsthmusOptions {
  /** How the agent is started; by the environment (`ISTHMUS_…`) by default. One that runs already, by `--require`, is taken as it is. */
  readonly agent?: AgentOptions;
  /** Targets that are injected otherwise than by `@Target`, as by `moduleRef.get(targetToken(…))`. */
  readonly targets?: readonly string[];
  /** That this service leaves its registries in order when Nest shuts down: before its servers are closed. Not done by default. */
  readonly provider?: ProviderOptions;
}

/** The agent in Nest's life: starts with the modules, and is the last to go, when nothing is called any more. */
export class Isthmus {
  readonly #options: IsthmusOptions;
  readonly #handles = new Map<string, TargetHandle>();
  #started: Agent | undefined;
  #provider: Provider | undefined;

  constructor(options: IsthmusOptions) {
    this.#options = options;
    if (options.provider !== undefined) this.#provider = createProvider(options.provider);
  }

  /** Of the process; undefined where nothing asks for one. */
  get agent(): Agent | undefined {
    return currentAgent();
  }

  /** To be registered once the application listens, unless a wrapped client of the registry does so. */
  get provider(): Provider | undefined {
    return this.#provider;
  }

  /** @param target mesh host, with `:port` where it is not 80 */
  target(target: string): TargetHandle {
    const authority = authorityOf(target);
    const handle = this.#handles.get(authority) ?? new TargetHandle(authority);
    this.#handles.set(authority, handle);
    return handle;
  }

  onModuleInit(): void {
    if (currentAgent() !== undefined) return;
    this.#started = this.#options.agent === undefined ? register() : startProcessAgent(this.#options.agent);
  }

  /** Nest's servers still answer: stop beats, deregister, wait for callers, drain. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#provider?.shutdown();
  }

  /** Nobody is called any more. An agent that ran before stays. */
  onApplicationShutdown(): void {
    this.#started?.close();
    this.#started = undefined;
  }
}
