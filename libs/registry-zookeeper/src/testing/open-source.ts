import { parseSourceId, systemClock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { zookeeperConfigSchema } from '../config.ts';
import { ZookeeperSource } from '../source.ts';

export const testId = parseSourceId('dubbo');
export const testScope = { source: testId, namespace: '', group: '' };

/** A source on that address, with short times; `config` goes over them. */
export function openSource(address: string, config: Readonly<Record<string, unknown>> = {}): Collector {
  const parsed = zookeeperConfigSchema.parse({
    name: testId,
    kind: 'zookeeper',
    servers: [address],
    sessionTimeout: '1s',
    restartGrace: '30s',
    ...config,
  });
  return collect(new ZookeeperSource(testId, parsed, { clock: systemClock, random: Math.random, baseDir: '.' }));
}

export function stateOf(view: Collector): string | undefined {
  return view.status(testScope)?.state;
}

export function causeOf(view: Collector): string | undefined {
  const status = view.status(testScope);
  return status !== undefined && 'cause' in status ? status.cause : undefined;
}
