import { notMovable } from '../http/client-seam.ts';
import { currentAgent } from '../process-agent.ts';
import { wrapped } from './patch-dispatcher.ts';
import { whyUnwrappable } from './unwrappable.ts';

/**
 * Puts an application's own dispatcher of npm undici 5 to 8 behind the agent: `new Agent()`, with interceptors too. Without an agent in the
 * process, or a plan for a call, it does what it did.
 * @returns the dispatcher itself, and a diagnostic, for those that cannot be: Client, Pool, BalancedPool, ProxyAgent, EnvHttpProxyAgent, RetryAgent
 */
export function wrapDispatcher<D extends object>(dispatcher: D): D {
  const why = whyUnwrappable(dispatcher);
  if (why === undefined) return wrapped(dispatcher, () => currentAgent()?.clients.seam);
  const message = `a dispatcher was not wrapped, its calls stay on the SDK: ${why}`;
  const seam = currentAgent()?.clients.seam;
  if (seam === undefined) process.stderr.write(`isthmus: not-movable undici: ${message}\n`);
  else notMovable(seam, 'undici', message, 'see docs/agent-clients.md');
  return dispatcher;
}
