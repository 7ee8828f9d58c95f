import type { AgentDiagnostic, Diagnostics } from '../diagnostics.ts';
import { addReportSource } from '../control/report-sources.ts';
import { observeOnRequire } from '../registries/on-require.ts';
import { processObserver } from '../registries/registry-observer.ts';
import type { DrainedServer } from './drain.ts';
import { followInbound } from './follow-inbound.ts';
import { InboundCalls } from './inbound-calls.ts';
import type { InboundOptions } from './inbound-calls.ts';
import { Provider } from './provider.ts';
import type { ProviderOptions } from './provider.ts';
import type { Registration } from './registration.ts';
import { processRegistrations } from './registration-book.ts';
import { shutdownOnSignal } from './signals.ts';
import { Withdrawals, processWithdrawn } from './withdrawals.ts';
import type { Way } from './withdrawals.ts';

export interface ProcessProviderOptions extends InboundOptions {
  /** Calls that come in are counted, because a control plane asks. */
  readonly counts: boolean;
  /** Signals at which the process leaves in order; none by default. */
  readonly shutdownOn?: readonly NodeJS.Signals[];
  /** What the control plane is told of this process is another. */
  readonly changed?: () => void;
}

export interface ProcessProvider {
  /**
   * What the control plane wants out of the registries, `KIND/NAMESPACE/GROUP/NAME`; everything else is registered.
   * @param listed those of them that their registry lists all the same
   */
  withdraw(names: readonly string[], listed: readonly string[]): void;
  close(): void;
}

/** Servers of one process that are drained without being named. */
const MOST_SERVERS = 64;

const KEY = Symbol.for('isthmus.agent.provider');

type WithProvider = typeof globalThis & { [KEY]?: Provider };

/**
 * A provider of this process: what its wrapped clients register counts as registered by it. The one that was made last is what
 * the control plane is told of.
 */
export function createProvider(options: ProviderOptions = {}): Provider {
  const provider = new Provider({
    seen: () => processRegistrations().list(),
    begun: () => (processRegistrations() as Partial<ReturnType<typeof processRegistrations>>).begun?.(),
    withdrawn: () => [...processWithdrawn().values()].map(({ registration }) => registration),
    ...options,
  });
  Object.defineProperty(globalThis, KEY, { value: provider, configurable: true });
  return provider;
}

/** Without a change of the application: watches its registry clients, counts its calls, and leaves in order when asked to. */
export function followProcess(options: ProcessProviderOptions, diagnostics: Diagnostics): ProcessProvider {
  const fault = (error: unknown): void =>
    diagnostics.report({
      code: 'agent-fault',
      where: 'inbound',
      message: `a call that came in was not counted: ${String(error)}`,
      remedy: 'report it to the maintainers of the agent',
    });
  const undo = [observeOnRequire(processObserver())];
  const servers = new Set<DrainedServer>();
  const calls = new InboundCalls(options);
  const { shutdownOn = [] } = options;
  if (options.counts || shutdownOn.length > 0)
    undo.push(
      followInbound((request, server) => {
        if (!servers.has(server) && servers.size < MOST_SERVERS) {
          servers.add(server);
          server.once('close', () => servers.delete(server));
        }
        calls.count(request);
      }, fault),
    );
  const current = (): Provider | undefined => (globalThis as WithProvider)[KEY];
  const withdrawals = new Withdrawals({
    book: processRegistrations(),
    withdrawn: processWithdrawn(),
    mayRegister: () => current()?.state !== 'leaving' && current()?.state !== 'left',
    setTimer,
    random: Math.random,
    changed: () => options.changed?.(),
    done: (registration, way) => diagnostics.report(diagnosticOf(registration, way)),
  });
  if (options.counts)
    undo.push(
      addReportSource({
        provider: () => ({
          ...calls.take(),
          registration: current()?.state ?? stateOfBook(),
          registrations: withdrawals.states(),
        }),
        lost: () => calls.putBack(),
      }),
    );
  if (shutdownOn.length > 0)
    undo.push(shutdownOnSignal(() => current() ?? createProvider({ servers: () => [...servers] }), { signals: shutdownOn }));
  return {
    withdraw: (names, listed) => withdrawals.follow(names, listed),
    close() {
      withdrawals.close();
      for (const one of undo.reverse()) one();
    },
  };
}

function setTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Whoever looks for the process in its registry finds out why. */
function diagnosticOf({ id }: Registration, way: Way): AgentDiagnostic {
  const remedy = 'nothing is to be done; the plan decides';
  return way === 'out'
    ? { code: 'registration-withdrawn', where: id, message: 'it was deregistered: a plan is at retired, and its callers come by the mesh', remedy } // prettier-ignore
    : { code: 'registration-restored', where: id, message: 'it is registered again: its plan left retired', remedy };
}

function stateOfBook(): 'none' | 'registered' {
  return processRegistrations().list().length > 0 ? 'registered' : 'none';
}
