/** The lab's own programs as parts: the bridge and the instances of the services. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { http } from '@isthmus/servers';
import type { LabPorts } from './lab-ports.ts';
import { NodeProcess } from './node-process.ts';
import { Part, type PartOptions } from './part.ts';
import type { InstancePlan } from './topology.ts';

export interface NodePartsOptions {
  readonly ports: LabPorts;
  /** The lab's directory; logs go below it. */
  readonly dir: string;
  readonly root: string;
  readonly restartAfterMs: number | undefined;
}

export function bridgePart(options: NodePartsOptions, configFile: string): Part {
  const entry = join(options.root, 'dist/apps/bridge/apps/bridge/src/main.js');
  const logFile = join(options.dir, 'logs/bridge.log');
  const start: PartOptions['start'] = async (_, signal) => {
    if (!existsSync(entry)) throw new Error(`the bridge is not built: ${entry} is missing; run npm run build`);
    return NodeProcess.start({
      name: 'bridge',
      command: [entry, 'serve', '-c', configFile],
      cwd: options.root,
      env: {},
      logFile,
      probe: async (deadline) => (await http(options.ports.control, '/readyz', { signal: deadline })).status === 200,
      // It waits up to 60 s for a registry that it has never read.
      startTimeoutMs: 75_000,
      stopGraceMs: 5_000,
      signal,
    });
  };
  return new Part(
    { name: 'bridge', group: 'servers', start, restartAfterMs: options.restartAfterMs, logFile },
    'nacos and eureka',
  );
}

export function instancePart(plan: InstancePlan, { ports, dir, root, restartAfterMs }: NodePartsOptions): Part {
  const port = ports[plan.port];
  const logFile = join(dir, `logs/${plan.name}.log`);
  const start: PartOptions['start'] = (_, signal) =>
    NodeProcess.start({
      name: plan.name,
      command: [join(dirname(fileURLToPath(import.meta.url)), 'service.js'), ...argumentsOf(plan, port)],
      cwd: root,
      env: environmentOf(plan, ports),
      logFile,
      probe: async (deadline) => (await http(port, '/health', { signal: deadline })).status === 200,
      startTimeoutMs: 60_000,
      stopGraceMs: 4_000,
      signal,
    });
  return new Part({ name: plan.name, group: 'services', start, restartAfterMs, logFile }, plan.registry);
}

function argumentsOf({ service, version, weight }: InstancePlan, port: number): readonly string[] {
  return [service, '--port', String(port), '--version', version, '--weight', String(weight)];
}

function environmentOf({ registry }: InstancePlan, ports: LabPorts): Readonly<Record<string, string>> {
  return {
    NACOS_SERVER: `127.0.0.1:${registry === 'nacos3' ? ports.nacos3 : ports.nacos}`,
    CONSUL_ADDRESS: `127.0.0.1:${ports.consul}`,
    EUREKA_ADDRESS: `127.0.0.1:${ports.eureka}`,
    ENVOY_EGRESS: `127.0.0.1:${ports.egress}`,
    DRAIN_MS: '1500',
    NO_COLOR: '1',
  };
}
