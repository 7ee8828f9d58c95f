import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InterceptedPod } from '../../e2e/support/intercepted-pod.ts';
import { startStaticSidecar } from './static-sidecar.ts';

/** Where a service calls `host`, with a sidecar beside it. */
export interface FlipPlace {
  /** For a reader of the results. */
  readonly about: string;
  readonly host: string;
  /** Of the instances. */
  readonly addresses: readonly string[];
  /** Of the service: where its sidecar is. */
  readonly env: Readonly<Record<string, string>>;
  /** A command that runs the service there; none where it runs beside the bench. */
  readonly within: readonly string[];
  /** Of the sidecar, as `kill -9`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** An instance that says in its answer by which way a call came: Envoy gives each an id. */
async function instance(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('x-way', request.headers['x-request-id'] === undefined ? 'sdk' : 'mesh');
    response.end('ok');
  });
  // Else a connection may be closed while a call is on its way to it, agent or not.
  server.keepAliveTimeout = 300_000;
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 });
  await once(server, 'listening');
  return server;
}

/** On this machine's loopback, with an Envoy that has a static egress. */
export async function loopback(): Promise<FlipPlace> {
  const host = 'orders.mesh';
  const instances = await Promise.all([instance(), instance(), instance()]);
  const ports = instances.map((server) => (server.address() as AddressInfo).port);
  const envoy = await startStaticSidecar(host, ports);
  return {
    about: 'beside it an Envoy with a static egress',
    host,
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    env: {
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
    },
    within: [],
    kill: () => envoy.kill(),
    restart: () => envoy.restart(),
    async stop() {
      await envoy.stop();
      for (const server of instances) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

/** In a pod whose connections iptables bring to its Envoy, but for those to the ports of instances; all instances are pods of their own. */
export async function behindIptables(): Promise<FlipPlace> {
  const pod = await InterceptedPod.start(3);
  return {
    about:
      'in a network namespace of its own, as a Pod has it: iptables (REDIRECT) bring its connections to its Envoy, which has its configuration from a bridge and an explicit egress beside that, but for those to the ports of instances; these are in namespaces of their own',
    host: pod.host,
    addresses: pod.addresses,
    env: pod.env,
    within: pod.web.pod.command([]),
    kill: () => pod.sidecar.kill(),
    restart: () => pod.sidecar.run(),
    stop: () => pod.stop(),
  };
}
