import { startAgent } from './agent.ts';
import type { Agent } from './agent.ts';
import { readEnvironment } from './environment.ts';

/** Two copies of the package in one process, in two versions too, are one agent. */
const KEY = Symbol.for('isthmus.agent');

type WithAgent = typeof globalThis & { [KEY]?: Agent };

/** The agent of this process; undefined where there is none. */
export function currentAgent(): Agent | undefined {
  return (globalThis as WithAgent)[KEY];
}

/** Starts the agent that the environment asks for, unless there is one. Never throws: an application starts whatever is wrong. */
export function register(env: NodeJS.ProcessEnv = process.env): Agent | undefined {
  try {
    const running = currentAgent();
    if (running !== undefined) return running;
    const environment = readEnvironment(env);
    if (environment === undefined) return undefined;
    const agent = startAgent(environment);
    Object.defineProperty(globalThis, KEY, { value: agent, configurable: true });
    return agent;
  } catch (error) {
    process.stderr.write(`isthmus: the agent did not start, every call stays on the SDK: ${(error as Error).message}\n`);
    return undefined;
  }
}
