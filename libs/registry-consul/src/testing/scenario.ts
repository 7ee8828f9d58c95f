import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { FakeConsul } from './fake-consul.ts';
import type { FakeOptions } from './fake-consul.ts';
import { testSource } from './fake-harness.ts';

export const DC1 = { source: 'hq' as never, namespace: 'dc1', group: '' };

export interface Scenario {
  readonly consul: FakeConsul;
  readonly view: Collector;
  /** Waits for the scope's state, and gives its cause if it has one. */
  state(state: 'live' | 'partial' | 'stale'): Promise<string>;
  end(): Promise<void>;
}

/** A fake Consul with the services given (one instance each, 10.0.0.<n>:8080) and a source that reads it. */
export async function scenario(
  services: readonly string[],
  fake: FakeOptions = {},
  settings: Readonly<Record<string, unknown>> = {},
  prepare: (consul: FakeConsul) => void = () => undefined,
): Promise<Scenario> {
  const consul = new FakeConsul(fake);
  services.forEach((service, n) => consul.catalog.put({ service, address: `10.0.${n >> 8}.${n & 255}`, port: 8080 }));
  prepare(consul);
  await consul.up();
  const view = patient(collect(testSource({ servers: [consul.url], ...settings })));
  return {
    consul,
    view,
    state: async (state) => {
      await view.until(state, (v) => v.status(DC1)?.state === state);
      const status = view.status(DC1);
      return status !== undefined && 'cause' in status ? status.cause : '';
    },
    end: async () => {
      await view.stop();
      await consul.down();
    },
  };
}

/** Tests share their machine with builds and servers: conditions get time. */
const PATIENCE_MS = 20_000;

export function patient(view: Collector): Collector {
  return { ...view, until: (what, condition, deadlineMs = PATIENCE_MS) => view.until(what, condition, deadlineMs) };
}
