import { tmpdir } from 'node:os';
import { freePorts, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { startCli } from './cli.ts';

/** Whom the workloads of the group serve. */
export const GROUP_HOST = 'orders.shop.svc.cluster.local';

/** A WorkloadGroup `shop/vm`, and a ServiceEntry that has its workloads, which listen at this port. */
export const groupRules = (port: number): string => `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: vm, namespace: shop }
spec:
  metadata: { labels: { app: orders } }
  template: { ports: { http: ${port} } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${GROUP_HOST}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  workloadSelector: { labels: { app: orders } }
`;

/** An Envoy as `proxy bootstrap --workload-group` makes it. @param xds port of its bridge, on loopback */
export async function startGroupWorkload(address: string, xds: number): Promise<EnvoyServer> {
  const [admin = 0, metrics = 0, egress = 0] = await freePorts(3);
  const at = (port: number): string => `127.0.0.1:${port}`;
  const node = `sidecar~${address}~vm-1.shop~shop.svc.cluster.local`;
  const own = ['--admin', at(admin), '--metrics', at(metrics), '--egress', at(egress), '--workload-group', 'vm'];
  const args = ['proxy', 'bootstrap', '--node', node, '--xds', at(xds), ...own];
  const { stdout } = await startCli(args, { cwd: tmpdir() }).ended;
  return startEnvoy({ bootstrap: stdout, ports: { admin }, readyWhen: 'live' });
}
