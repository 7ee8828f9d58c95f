import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { Provider } from './provider.ts';
import { readProvider } from './provider-environment.ts';
import { shutdownOnSignal } from './signals.ts';

/** Stands for the process: `raise` ends it where nobody listens. */
class Target extends EventEmitter {
  readonly said: string[] = [];
  raise(signal: string): void {
    this.said.push(`raised ${signal} with ${this.listenerCount(signal)} listeners`);
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a process leaves at the signal and then ends as it would have', async () => {
  const target = new Target();
  shutdownOnSignal(new Provider({ quit: () => void target.said.push('quit') }), { target });
  target.emit('SIGTERM');
  target.emit('SIGTERM'); // from a supervisor that signals the group and passes it on
  await settle();
  expect(target.said).toEqual(['quit', 'raised SIGTERM with 0 listeners']);
});

test('handlers of the application are called as ever, and it is they who end the process', async () => {
  const target = new Target();
  const reports: unknown[] = [];
  target.on('SIGTERM', () => target.said.push('application'));
  shutdownOnSignal(new Provider({}), { target, done: (report) => reports.push(report) });
  target.emit('SIGTERM');
  await settle();
  expect(target.said).toEqual(['application']);
  expect(reports).toHaveLength(1);
});

test('can be undone', () => {
  const target = new Target();
  shutdownOnSignal(new Provider({}), { target, signals: ['SIGTERM', 'SIGINT'] })();
  expect(target.eventNames()).toEqual([]);
});

test('what cannot be meant by the environment is said', () => {
  expect(readProvider({})).toEqual({ shutdownOn: [], probePaths: [], proxies: [] });
  expect(readProvider({ ISTHMUS_SHUTDOWN_ON: 'SIGTERM, SIGINT', ISTHMUS_PROBE_PATHS: '/health' })).toMatchObject({
    shutdownOn: ['SIGTERM', 'SIGINT'],
    probePaths: ['/health'],
  });
  expect(() => readProvider({ ISTHMUS_SHUTDOWN_ON: 'SIGKILL' })).toThrow('ISTHMUS_SHUTDOWN_ON has SIGKILL');
  expect(() => readProvider({ ISTHMUS_PROBE_PATHS: 'health' })).toThrow('does not begin with /');
});
