/** `docker create …` for what a Pod says. */
import type { Pod } from './pod-spec.ts';

export interface Machine {
  /** Of Docker. */
  readonly network: string;
  readonly address: string;
  /** Beside those of the image. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where a volume of the Pod is on the machine, by its name. */
  readonly directories: ReadonlyMap<string, string>;
}

export function dockerArguments({ metadata, spec }: Pod, machine: Machine): readonly string[] {
  const [container] = spec.containers;
  const { runAsUser, runAsGroup, fsGroup } = spec.securityContext;
  const memory = String(bytesOf(container.resources.limits.memory));
  const mounts = container.volumeMounts.map(({ name, mountPath, readOnly }) => {
    const source = machine.directories.get(name);
    if (source === undefined) throw new Error(`${container.name} mounts ${name}, and the Pod has no such volume`);
    return `type=bind,source=${source},target=${mountPath}${readOnly ? ',readonly' : ''}`;
  });
  return [
    'create',
    ...['--name', metadata.name, '--hostname', metadata.name],
    ...['--network', machine.network, '--ip', machine.address],
    ...Object.entries(machine.environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...['--user', `${runAsUser}:${runAsGroup}`, '--group-add', String(fsGroup)],
    ...['--read-only', '--security-opt', 'no-new-privileges'], // without a profile named here, seccomp is the runtime's default
    ...container.securityContext.capabilities.drop.flatMap((capability) => ['--cap-drop', capability]),
    ...['--memory', memory, '--memory-swap', memory], // a kubelet gives no swap
    ...['--cpu-shares', String(sharesOf(container.resources.requests.cpu))],
    ...mounts.flatMap((mount) => ['--mount', mount]),
    ...['--stop-timeout', String(spec.terminationGracePeriodSeconds)],
    ...['--pull', 'never', '--no-healthcheck'], // a kubelet does not read the image's
    container.image,
    ...container.args, // in place of the image's CMD, behind its ENTRYPOINT
  ];
}

function bytesOf(quantity: string): number {
  return Number.parseInt(quantity, 10) * (quantity.endsWith('Gi') ? 2 ** 30 : 2 ** 20);
}

/** A core is 1,024 (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run). */
function sharesOf(milli: string): number {
  return Math.floor((Number.parseInt(milli, 10) * 1_024) / 1_000);
}

export interface LinkedService {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly clusterIP: string;
    readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol: string }[];
  };
}

/** What a Pod's environment says about the Services of its namespace (https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables). */
export function serviceLinks(services: readonly LinkedService[]): Readonly<Record<string, string>> {
  const links: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const [first] = spec.ports;
    if (spec.clusterIP === 'None' || first === undefined) continue;
    const prefix = shouted(metadata.name);
    links[`${prefix}_SERVICE_HOST`] = spec.clusterIP;
    links[`${prefix}_SERVICE_PORT`] = String(first.port);
    links[`${prefix}_PORT`] = `${first.protocol.toLowerCase()}://${spec.clusterIP}:${first.port}`;
    for (const { name, port, protocol } of spec.ports) {
      if (name !== undefined) links[`${prefix}_SERVICE_PORT_${shouted(name)}`] = String(port);
      const at = `${prefix}_PORT_${port}_${protocol}`;
      links[at] = `${protocol.toLowerCase()}://${spec.clusterIP}:${port}`;
      links[`${at}_PROTO`] = protocol.toLowerCase();
      links[`${at}_PORT`] = String(port);
      links[`${at}_ADDR`] = spec.clusterIP;
    }
  }
  return links;
}

function shouted(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
