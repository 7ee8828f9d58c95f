import type { Provider, ShutdownReport } from './provider.ts';

export interface SignalOptions {
  readonly signals?: readonly NodeJS.Signals[];
  /** Told when the process has left. */
  readonly done?: (report: ShutdownReport) => void;
  /** The process; another one in tests. */
  readonly target?: SignalTarget;
}

export interface SignalTarget {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown;
  listenerCount(signal: NodeJS.Signals): number;
  raise(signal: NodeJS.Signals): void;
}

const PROCESS: SignalTarget = {
  on: (signal, listener) => process.on(signal, listener),
  removeListener: (signal, listener) => process.removeListener(signal, listener),
  listenerCount: (signal) => process.listenerCount(signal),
  raise: (signal) => void process.kill(process.pid, signal),
};

/**
 * Leaves when a signal comes, SIGTERM by default. Handlers of the application are called as ever, and then it is they who end the
 * process: one that ends it at once ends the shutdown too, and should call `provider.shutdown()` first instead. Without any the
 * process ends as it would have by the signal, once it has left. A second SIGTERM changes nothing: supervisors send it to
 * the group and pass it on as well.
 * @returns undoes it
 */
export function shutdownOnSignal(provider: Provider | (() => Provider), options: SignalOptions = {}): () => void {
  const { signals = ['SIGTERM'], target = PROCESS } = options;
  const undo = signals.map((signal) => {
    let isLeaving = false;
    const listener = (): void => {
      if (isLeaving) return;
      isLeaving = true;
      const leaving = typeof provider === 'function' ? provider() : provider;
      void leaving.shutdown().then((report) => {
        isLeaving = false;
        options.done?.(report);
        if (target.listenerCount(signal) > 1) return;
        target.removeListener(signal, listener);
        target.raise(signal);
      });
    };
    target.on(signal, listener);
    return () => target.removeListener(signal, listener);
  });
  return () => {
    for (const one of undo) one();
  };
}
