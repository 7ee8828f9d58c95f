import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface IstioObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: object;
}

/** One of Istio's networking objects, in the namespace `default`. */
export function istioObject(kind: string, name: string, spec: object): IstioObject {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: 'default' }, spec };
}

export interface ServiceInstance {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** A service whose instances have their names as label `version`; `ports` are those that callers name, HTTP unless said. */
export function serviceEntry(
  host: string,
  instances: readonly ServiceInstance[],
  ports: readonly { readonly number: number; readonly protocol?: string }[] = [{ number: 80 }],
  more: object = {},
): IstioObject {
  const named = ports.map(({ number, protocol = 'HTTP' }) => ({ number, protocol, name: `${protocol.toLowerCase()}-${number}` }));
  return istioObject('ServiceEntry', host.replace('*', 'any'), {
    hosts: [host],
    location: 'MESH_INTERNAL',
    resolution: 'STATIC',
    ports: named,
    endpoints: instances.map(({ name, address, port }) => ({
      address,
      ports: Object.fromEntries(named.map((each) => [each.name, port])),
      labels: { version: name },
    })),
    ...more,
  });
}

/** Quoted for readers of YAML 1.1 too, as istiod is: there `y` is true. Written beside and moved into place, as a deployment does it: no reader sees half of it. */
export async function giveFile(directory: string, name: string, objects: readonly object[]): Promise<void> {
  const file = join(directory, name);
  await writeFile(`${file}.tmp`, objects.map((object) => stringify(object, { version: '1.1' })).join('---\n'));
  await rename(`${file}.tmp`, file);
}
