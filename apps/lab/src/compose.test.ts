import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { servers } from '@isthmus/servers';
import { parse } from 'yaml';
import { instances } from './topology.ts';

const root = join(import.meta.dirname, '../../..');
const read = async (path: string): Promise<unknown> => parse(await readFile(join(root, path), 'utf8'), { merge: true });

interface Service {
  readonly image: string;
  readonly command?: string;
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly healthcheck?: unknown;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
}
const { services } = (await read('docker-compose.yml')) as { services: Readonly<Record<string, Service>> };

describe('docker-compose.yml and the native lab cannot drift apart', () => {
  test('it has the instances of the topology, with their versions and weights', () => {
    const native = instances
      .filter(({ registry }) => registry !== 'nacos3')
      .map(({ name, service, version, weight }) => [name, `${service} --port 8080 --version ${version} --weight ${weight}`]);
    const composed = Object.entries(services)
      .filter(([, { image }]) => image.startsWith('isthmus-lab:'))
      .map(([name, { command }]) => [name, command]);
    expect(Object.fromEntries(composed)).toEqual(Object.fromEntries(native));
  });

  test('its adapter reads the registries of lab.yaml, under their names in the network', async () => {
    const { registries } = (await read('deploy/compose/adapter.yaml')) as { registries: readonly { readonly name: string }[] };
    const lab = (await readFile(join(root, 'apps/lab/lab.yaml'), 'utf8'))
      .replace('127.0.0.1:8848', 'nacos:8848')
      .replace('127.0.0.1:8500', 'consul:8500')
      .replace('127.0.0.1:8761', 'eureka:8761');
    const native = (parse(lab) as { registries: readonly { readonly name: string }[] }).registries;
    expect(registries).toEqual(native.filter(({ name }) => name !== 'fresh'));
  });

  test('its images are the versions of the real servers that the tests run', () => {
    expect(services['nacos']?.image).toBe(`nacos/nacos-server:v${servers.nacos2.version}`);
    expect(services['consul']?.image).toBe(`hashicorp/consul:${servers.consul.version}`);
    expect(services['eureka']?.image).toBe(`isthmus-eureka:${servers.eureka.version}`);
    expect(services['envoy']?.image).toBe(`envoyproxy/envoy:v${servers.envoy.version}`);
    expect(services['istiod']?.image).toBe(`istio/pilot:${servers.istiod.version}`);
  });

  test('nothing is published beyond loopback, no version floats, and what is ours may do little', () => {
    for (const [name, { image, ports = [], read_only, cap_drop }] of Object.entries(services)) {
      expect([name, ports.filter((port) => !port.startsWith('127.0.0.1:'))]).toEqual([name, []]);
      expect([name, /:v?\d+\.\d+\.\d+$/.test(image)]).toEqual([name, true]);
      if (/^isthmus(-lab)?:/.test(image)) expect([name, read_only, cap_drop]).toEqual([name, true, ['ALL']]);
    }
  });

  test('everything that others wait for says when it is healthy', () => {
    const awaited = ['nacos', 'consul', 'eureka', 'orders-1'];
    expect(awaited.filter((name) => services[name]?.healthcheck === undefined)).toEqual([]);
  });
});
