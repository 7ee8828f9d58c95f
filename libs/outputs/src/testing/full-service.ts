import { NOWHERE } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';

/** Everything that a spec can have, IPv6 and odd labels included. */
export function fullService(host: string, count: number, resolution: MeshService['resolution'] = 'static'): MeshService {
  return {
    host: host as MeshHost,
    namespace: 'isthmus',
    resolution,
    ports: [
      { number: 80, name: 'http-80', protocol: 'http' },
      { number: 6379, name: 'redis-6379', protocol: 'redis' },
    ],
    endpoints: Array.from({ length: count }, (_, n) => ({
      origin: 'shop/public/DEFAULT_GROUP/orders' as MeshService['origins'][number],
      portName: n % 2 === 0 ? 'http-80' : 'redis-6379',
      endpoint: {
        instanceId: `i${n}`,
        address:
          resolution === 'dns'
            ? 'vm.internal'
            : n % 5 === 0
              ? `fd00::${(n + 1).toString(16)}`
              : `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
        addressType: resolution === 'dns' ? 'dns' : 'ip',
        port: 8_000 + (n % 50),
        protocol: n % 2 === 0 ? 'http' : 'redis',
        weight: n % 3 === 0 ? 0.5 : 1,
        health: 'healthy',
        locality: n % 4 === 0 ? NOWHERE : { region: 'eu', zone: `z${n % 3}`, subzone: '' },
        labels: { version: '1.0', 'acme.io/tier': 'gold', empty: '' },
        metadata: {},
        cluster: '',
        network: n % 7 === 0 ? 'vm' : '',
        identity: n % 6 === 0 ? 'orders' : '',
      },
    })),
    origins: ['shop/public/DEFAULT_GROUP/orders' as MeshService['origins'][number]],
    vip: '240.241.7.7',
    diagnostics: [],
  };
}
