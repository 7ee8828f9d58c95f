import { parseMeshHost, parseSourceId } from '@isthmus/model';
import type { Publication, PublishedInstance } from '../registry-sink.ts';

export const TEST_SOURCE = parseSourceId('k8s');

/** A publication as the bridge makes them; instances are `address:port`, or `address:port weight version`. */
export function testPublication(name: string, instances: readonly string[], ttlMs: number): Publication {
  return {
    host: parseMeshHost(`${name}.mesh`) ?? never(name),
    at: { namespace: '', group: '', name },
    instances: instances.map((text): PublishedInstance => {
      const [place = '', weight = '1', version = 'v1'] = text.split(' ');
      const [address = '', port = ''] = place.split(':');
      return {
        address,
        port: Number(port),
        protocol: 'http',
        weight: Number(weight),
        metadata: { version, zone: 'az-1' },
        origin: `k8s/shop//${name}`,
        path: [],
        source: TEST_SOURCE,
      };
    }),
    ttlMs,
  };
}

function never(name: string): never {
  throw new Error(`${name}.mesh is no host`);
}
