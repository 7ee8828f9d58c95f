import { startAgent } from './agent.ts';
import type { Agent, AgentOptions } from './agent.ts';
import { readEnvironment } from './environment.ts';
import { followLink } from './follow-link.ts';
import type { Handover } from './handover.ts';

/** Two copies of the package in one process, in two versions too, are one agent. */
const KEY = Symbol.for('isthmus.agent');
/** Who wants to know when it starts. */
const WAITING = Symbol.for('isthmus.agent.waiting');

type WithAgent = typeof globalThis & { [KEY]?: Agent; [WAITING]?: Set<() => void> };

/** The agent of this process; undefined where there is none. */
export function currentAgent(): Agent | undefined {
  return (globalThis as WithAgent)[KEY];
}

/** Told when an agent starts in this process, by whichever copy of the package. @returns ends it */
export function whenAgent(started: () => void): () => void {
  const waiting = ((globalThis as WithAgent)[WAITING] ??= new Set());
  waiting.add(started);
  return () => void waiting.delete(started);
}

/** Starts the agent of this process, unless there is one. @throws {Error} for options that cannot be used */
export function startProcessAgent(options: AgentOptions): Agent {
  const running = currentAgent();
  if (running !== undefined) return running;
  const agent = startAgent(options);
  const { close } = agent;
  agent.close = () => {
    if (currentAgent() === agent) delete (globalThis as WithAgent)[KEY];
    close();
  };
  Object.defineProperty(globalThis, KEY, { value: agent, configurable: true });
  for (const started of (globalThis as WithAgent)[WAITING] ?? []) started();
  return agent;
}

/**
 * Starts the agent that the environment asks for, unless there is one. Never throws: an application starts whatever is wrong.
 * @param from of the agent whose place it takes
 */
export function register(env: NodeJS.ProcessEnv = process.env, from?: Handover): Agent | undefined {
  try {
    const running = currentAgent();
    if (running !== undefined) return running;
    const environment = readEnvironment(env);
    if (environment === undefined) return undefined;
    const agent = startProcessAgent({ ...environment, ...(from?.schema === 1 ? { from } : {}) });
    if (environment.link !== undefined) followUpgrades(agent, environment.link, env);
    return agent;
  } catch (error) {
    process.stderr.write(`isthmus: the agent did not start, every call stays on the SDK: ${(error as Error).message}\n`);
    return undefined;
  }
}

function followUpgrades(agent: Agent, link: string, env: NodeJS.ProcessEnv): void {
  const refused = (message: string): void =>
    agent.note({
      code: 'upgrade-refused',
      where: link,
      message,
      remedy: 'this version goes on; lead the link to a folder of @isthmus/agent',
    });
  try {
    const unfollow = followLink({
      link,
      refused,
      // One turn: no call comes between the two, and those under way keep their connections.
      replace: (next) => {
        const handed = agent.handover();
        agent.close();
        if (next.register(env, handed) === undefined) register(env, handed);
      },
    });
    const { close } = agent;
    agent.close = () => {
      unfollow();
      close();
    };
  } catch (error) {
    refused((error as Error).message);
  }
}
