import { startAgent } from './agent.ts';
import type { Agent, AgentOptions } from './agent.ts';
import { readEnvironment } from './environment.ts';

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

/** Starts the agent that the environment asks for, unless there is one. Never throws: an application starts whatever is wrong. */
export function register(env: NodeJS.ProcessEnv = process.env): Agent | undefined {
  try {
    const running = currentAgent();
    if (running !== undefined) return running;
    const environment = readEnvironment(env);
    if (environment === undefined) return undefined;
    return startProcessAgent(environment);
  } catch (error) {
    process.stderr.write(`isthmus: the agent did not start, every call stays on the SDK: ${(error as Error).message}\n`);
    return undefined;
  }
}
