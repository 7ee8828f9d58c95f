import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import type { BridgeConfig } from '../../engine/bridge-config.ts';
import { Engine } from '../../engine/engine.ts';
import { registryKinds } from '../../registries.ts';

export const HOST = 'api.example.com';

export const ENTRY = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`;

/** A VirtualService of HOST. */
export const rule = (timeout: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  http:
    - timeout: ${timeout}
      route: [{ destination: { host: api.example.com } }]
`;

/** ENTRY and a VirtualService of it, as one file. */
export const entryWith = (timeout: string): string => `${ENTRY}---\n${rule(timeout)}`;

/** A bridge in a directory of its own, whose only registry has nothing: what it serves comes from Istio's objects. */
export class IstioWorld {
  readonly directory: string;
  #engine: Engine | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<IstioWorld> {
    const world = new IstioWorld(await mkdtemp(join(tmpdir(), 'istio-')));
    await world.write('services.yaml', 'services: []\n');
    return world;
  }

  /** @param file in the directory; its folder is made */
  async write(file: string, text: string): Promise<void> {
    const path = join(this.directory, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** @param istio the section of that name; @param more other sections. @throws {Error} where it is not valid */
  config(istio: object, more: object = {}): BridgeConfig {
    const registries = [{ name: 'fixed', kind: 'file', path: 'services.yaml' }];
    const text = JSON.stringify({ version: 1, meshId: 'shop', registries, istio, ...more });
    const path = join(this.directory, 'isthmus.yaml');
    const parsed = parseConfig(path, new TextEncoder().encode(text), { kinds: registryKinds });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return parsed.config;
  }

  /** The bridge, which reads now; it may not be ready yet. One that runs is stopped before. */
  async start(istio: object, more: object = {}): Promise<Engine> {
    await this.#engine?.stop();
    this.#engine = new Engine(this.config(istio, more), await FileLedger.open(join(this.directory, 'ledger')));
    this.#engine.start();
    return this.#engine;
  }

  async close(): Promise<void> {
    await this.#engine?.stop();
    await rm(this.directory, { recursive: true });
  }
}
