import type { Collector } from '@isthmus/registry/testing';
import { FakeZookeeper } from './fake-zookeeper.ts';
import { openSource, stateOf } from './open-source.ts';
import { providerUrl, registrationOf } from './registrations.ts';

/** A scripted ZooKeeper with both roots, and sources that read it. */
export class Scenario {
  readonly fake: FakeZookeeper;
  readonly #open: Collector[] = [];

  private constructor(fake: FakeZookeeper) {
    this.fake = fake;
  }

  static async start(): Promise<Scenario> {
    const fake = await FakeZookeeper.start();
    fake.tree.set('/dubbo');
    fake.tree.set('/services');
    return new Scenario(fake);
  }

  /** Ends everything; gives the broken rules of the event order. */
  async end(): Promise<readonly string[]> {
    await Promise.all(this.#open.map((view) => view.stop()));
    await this.fake.down();
    return this.#open.flatMap((view) => view.violations);
  }

  watch(config: Readonly<Record<string, unknown>> = {}): Collector {
    const view = openSource(this.fake.address, config);
    this.#open.push(view);
    return view;
  }

  async live(config: Readonly<Record<string, unknown>> = {}): Promise<Collector> {
    const view = this.watch(config);
    await view.until('live', (v) => stateOf(v) === 'live');
    return view;
  }

  /** A Spring Cloud instance; its path. */
  application(name: string, address: string, port: number): string {
    const { path, data } = registrationOf('application', name, { address, port });
    this.fake.tree.set(path, data);
    return path;
  }

  dubboApplication(name: string, address: string, port: number): void {
    const metadata = { 'dubbo.endpoints': JSON.stringify([{ port, protocol: 'tri' }]), 'dubbo.metadata.revision': 'r' };
    const id = `${address}:${port}`;
    const json = { name, id, address, port, payload: { id, name, metadata } };
    this.fake.tree.set(`/services/${name}/${id}`, JSON.stringify(json));
  }
}

export function providerPath(name: string, address: string, parameters: Readonly<Record<string, string>> = {}): string {
  return `/dubbo/${name}/providers/${providerUrl(address, name, parameters)}`;
}

export function namesOf(view: Collector): readonly string[] {
  return [...view.services.values()].map((service) => service.key.name).sort();
}
