/** What in a cluster's objects will surprise whoever puts a mesh on them. Pure. */
import { objectKey } from '@isthmus/kube';
import type { Finding } from '@isthmus/registry';
import { keepService, keepSlice } from './kept.ts';
import type { EndpointSlice, Pod, Service } from './kept.ts';
import { portProtocol } from './port-protocol.ts';

/** Examples that are named. */
const MOST_NAMES = 5;
/** Istio's telemetry and subsets, and our ownership rules, go by them. */
const APP_LABELS = ['app', 'app.kubernetes.io/name', 'k8s-app', 'service.istio.io/canonical-name'];

export function looksAt(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  pods: readonly Pod[],
): readonly Finding[] {
  const kept = services.flatMap((service) => keepService(service) ?? []);
  const names = new Set(kept.map(({ namespace, name }) => `${namespace}/${name}`));
  const users = usersOf(slices, names);
  const misnamed: string[] = [];
  const datagrams: string[] = [];
  for (const { namespace, name, ports } of kept) {
    for (const port of ports) {
      const { misunderstood } = portProtocol(port);
      const label = `${namespace}/${name} ${port.name === '' ? port.number : port.name}`;
      if (port.transport !== 'TCP') datagrams.push(`${label} (${port.transport})`);
      else if (misunderstood !== undefined) misnamed.push(`${namespace}/${name} ${misunderstood.field} "${misunderstood.text}"`);
    }
  }
  const shared = [...users].filter(([, of]) => of.size > 1).map(([pod, of]) => `${pod} (${namesOf(of)})`);
  const unlabelled = pods
    .filter((pod) => users.has(objectKey(pod)) && !APP_LABELS.some((label) => label in (pod.metadata.labels ?? {})))
    .map(objectKey);

  const ready = slices.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).length;
  const findings: Finding[] = [
    { level: 'ok', what: `${kept.length} Services, ${ready} ready endpoints, ${pods.length} Pods read` },
  ];
  const warn = (list: readonly string[], what: string, remedy: string): void => {
    if (list.length > 0) findings.push({ level: 'warning', what: `${what}: ${some(list)}`, remedy });
  };
  warn(
    misnamed,
    'port names that look like a protocol and are none, so the ports are TCP',
    'write <protocol>-<anything>, such as http2-foo, or set appProtocol',
  );
  warn(
    shared,
    'Pods in several Services; a mesh applies the inbound settings of one of them to a port they share',
    'give each Pod one Service, or the same protocol to the port in all of them',
  );
  warn(
    unlabelled,
    'Pods without an app label, which telemetry and our ownership rules go by',
    'add the label app (or app.kubernetes.io/name) to the Pod template',
  );
  warn(datagrams, 'ports that the mesh cannot carry are left out', 'reach them without the mesh');
  return findings;
}

/** By Pod, the Services whose slices name it. */
function usersOf(slices: readonly EndpointSlice[], services: ReadonlySet<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const users = new Map<string, Set<string>>();
  for (const slice of slices) {
    const kept = keepSlice(slice);
    if (kept === undefined || !services.has(kept.service)) continue;
    for (const { pod } of kept.endpoints) {
      if (pod !== '') users.set(pod, (users.get(pod) ?? new Set()).add(kept.service));
    }
  }
  return users;
}

function namesOf(services: ReadonlySet<string>): string {
  return [...services]
    .map((service) => service.slice(service.indexOf('/') + 1))
    .sort()
    .join(', ');
}

function some(list: readonly string[]): string {
  const more = list.length > MOST_NAMES ? ` and ${list.length - MOST_NAMES} more` : '';
  return `${list.slice(0, MOST_NAMES).join(', ')}${more}`;
}
