import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Endpoint, ServiceRecord } from '@isthmus/model';
import { ENDPOINT_SLICES, PODS, SERVICES } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import type { SourceDeps } from '@isthmus/registry';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { podObject, serviceObject, sliceObject } from './objects.ts';
import { openKubernetes } from './scripted-harness.ts';

/** A scripted API server and the views of it that a test has open. */
export class Scene {
  readonly api = new FakeApi();
  readonly #open: Collector[] = [];

  static async start(): Promise<Scene> {
    const scene = new Scene();
    await scene.api.start();
    return scene;
  }

  follow(fields: Readonly<Record<string, unknown>> = {}, deps: Partial<SourceDeps> = {}): Collector {
    const view = collect(openKubernetes(this.api, { namespaces: ['*'], ...fields }, 'right', deps));
    this.#open.push(view);
    return view;
  }

  /** Live, with all its watches open: what changes from now on comes as events. */
  async live(fields: Readonly<Record<string, unknown>> = {}, deps: Partial<SourceDeps> = {}): Promise<Collector> {
    const view = this.follow(fields, deps);
    await view.until('live', (v) => v.status(scopeOf(''))?.state === 'live');
    await view.until('all watches are open', () => this.api.watches === (this.api.forbidden.size > 0 ? 3 : 4));
    await nextTurn(); // what was said of the namespaces, in the same turn as of the cluster, is read by then
    return view;
  }

  /** A Service with one Pod behind one slice. */
  run(name: string, address: string, { labels = {}, node }: { labels?: Record<string, string>; node?: string } = {}): void {
    const at = node === undefined ? {} : { node };
    this.api.put(SERVICES, serviceObject('shop', name));
    this.api.put(PODS, podObject('shop', { address, labels: { app: name, ...labels }, ...at }));
    const slice = sliceObject('shop', name, { address, port: 8080 });
    const place = node === undefined ? {} : { nodeName: node };
    const endpoints = (slice.endpoints ?? []).map((endpoint) => ({ ...endpoint, ...place }));
    this.api.put(ENDPOINT_SLICES, { ...slice, endpoints });
  }

  /** Ends everything. Returns the rules of the event order that were broken. */
  async end(): Promise<readonly string[]> {
    await Promise.all(this.#open.map((view) => view.stop()));
    await this.api.stop();
    return this.#open.flatMap((view) => view.violations);
  }
}

export const scopeOf = (namespace: string) => ({ source: 'k8s' as never, namespace, group: '' });

export function recordIn(view: Collector, name: string): ServiceRecord | undefined {
  return [...view.services.values()].find(({ key }) => key.name === name);
}

export function firstOf(view: Collector, name: string): Endpoint | undefined {
  return view.endpoints(name)[0];
}
