import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { USUAL_FAULTS } from '@isthmus/registry/testing';
import type { FaultHarness, FaultRow, HarnessAbilities, TestInstance } from '@isthmus/registry/testing';
import { stringify } from 'yaml';
import { FileSource } from '../source.ts';

export const FILE_ABILITIES: HarnessAbilities = {
  weight: true,
  disable: true,
  emptyAfterRestart: false, // a file that is back says what there is
  auth: false,
  hangs: false,
};

const NO_CONNECTION = 'a file is read from this machine';

export const FILE_FAULTS: FaultRow = {
  ...USUAL_FAULTS,
  killed: { state: 'stale', cause: /ENOENT|no such file|not there|gone/ },
  hung: { never: NO_CONNECTION },
  'restarted empty': { state: 'held' },
  'restarted with half': { state: 'held' },
  slow: { never: NO_CONNECTION },
  'password revoked': { never: 'a file has no password' },
};

const ID = parseSourceId('fixed');
export const SCOPE = { source: ID, namespace: '', group: '' };

/** Reads again after a few milliseconds of quiet. */
export function openFile(path: string, baseDir = '/', clock: Clock = systemClock): FileSource {
  return new FileSource(ID, { name: ID, kind: 'file', path }, { clock, random: Math.random, baseDir }, 5);
}

/** The contract's "server" is the file: it is down when it is gone. */
export async function fileHarness(): Promise<FaultHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-file-'));
  const file = join(directory, 'services.yaml');
  const services = new Map<string, Map<string, TestInstance>>();
  let isDown = false;
  const write = async (): Promise<void> => {
    if (isDown) return;
    await writeFile(
      `${file}.next`,
      stringify({ services: [...services].map(([host, list]) => serviceOf(host, [...list.values()])) }),
    );
    await rename(`${file}.next`, file);
  };
  await write();
  return {
    abilities: FILE_ABILITIES,
    scope: SCOPE,
    open: () => openFile(file),
    faults: { open: async ({ clock }) => openFile(file, '/', clock) },
    register: (service, instance) => {
      const instances = services.get(service) ?? new Map<string, TestInstance>();
      services.set(service, instances.set(`${instance.address}:${instance.port}`, instance));
      return write();
    },
    deregister: (service, address, port) => {
      const instances = services.get(service);
      instances?.delete(`${address}:${port}`);
      if (instances?.size === 0) services.delete(service);
      return write();
    },
    registerMany: (prefix, count) => {
      for (let n = 0; n < count; n += 1)
        services.set(`${prefix}-${n}`, new Map([['', { address: `10.9.${n >> 8}.${n & 255}`, port: 80 }]]));
      return write();
    },
    down: async () => {
      isDown = true;
      await rm(file);
    },
    up: async ({ keepData }) => {
      if (!keepData) services.clear();
      isDown = false;
      await write();
    },
    hang: () => Promise.reject(new Error('a file does not hang')),
    resume: () => Promise.reject(new Error('a file does not hang')),
    close: () => rm(directory, { recursive: true }),
  };
}

function serviceOf(host: string, instances: readonly TestInstance[]): object {
  const endpoints = instances.map(({ address, port, weight, healthy = true, enabled = true, metadata }) => ({
    address,
    port,
    ...(weight === undefined ? {} : { weight }),
    health: !enabled ? 'disabled' : healthy ? 'healthy' : 'unhealthy',
    ...(metadata === undefined ? {} : { labels: metadata }),
  }));
  return { host, endpoints };
}
