import type { Endpoint, ServiceKey, Workload } from '@isthmus/model';

/** How a Pod says which registry services it is, on the Pod: `orders` or `orders,billing`. */
const SERVICE_ANNOTATION = 'isthmus.dev/service';

export interface OwnershipRules {
  /** Labels whose value is the name of the service. */
  readonly labels: readonly string[];
  /** Metadata of a registration that name its Pod (`name` or `namespace/name`). */
  readonly podMetadata: readonly string[];
  /** A Pod that cannot be shown to be the service's is another's. Default: it gets the benefit of the doubt. */
  readonly strict: boolean;
}

export const DEFAULT_OWNERSHIP: OwnershipRules = {
  labels: ['app', 'app.kubernetes.io/name', 'k8s-app'],
  podMetadata: ['k8s.pod.name', 'POD_NAME', 'podName'],
  strict: false,
};

/** The Pod that was seen behind an address while a service listed it. */
export interface Backing {
  /** `namespace/name` of the Pod. */
  readonly pod: string;
  /** `namespace/controller`. */
  readonly owner: string;
}

export interface OwnershipEvidence {
  readonly key: ServiceKey;
  readonly endpoint: Endpoint;
  readonly backing: Backing | undefined;
  /** Some Pod of the cluster goes by the name of this service, so names mean something for it. */
  readonly named: boolean;
}

export type Owns = 'yes' | 'no' | 'unknown';

/**
 * Is this Pod an instance of that service? The first rule that knows an answer gives it (docs/liveness.md has the table):
 * the Pod's annotation, the Pod that the registration names, the names that the Pod goes by, the Pod that was here before.
 */
export function ownership(workload: Workload, of: OwnershipEvidence, rules: OwnershipRules): Owns {
  const name = ownershipName(of.key.name);
  const annotated = annotatedNames(workload);
  if (annotated !== undefined) return annotated.includes(name) ? 'yes' : 'no';
  const registered = podOf(of.endpoint, rules);
  if (registered !== undefined) return registered === workload.id || workload.id.endsWith(`/${registered}`) ? 'yes' : 'no';
  if (namesOf(workload, rules).includes(name)) return 'yes';
  if (of.named) return 'no';
  if (of.backing !== undefined && of.backing.owner !== ownerOf(workload)) return 'no';
  return rules.strict ? 'no' : 'unknown';
}

/** What a Pod goes by: its annotation, else its labels and its controller. */
export function namesOf(workload: Workload, rules: OwnershipRules): readonly string[] {
  const annotated = annotatedNames(workload);
  if (annotated !== undefined) return annotated;
  const names = rules.labels.flatMap((label) => workload.labels[label] ?? []);
  return [...new Set([...names, workload.owner].filter((name) => name !== '').map(ownershipName))];
}

/** Registries write `ORDERS` or `order_service` where Kubernetes can only write `orders` and `order-service`. */
export function ownershipName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

function ownerOf(workload: Workload): string {
  return `${workload.id.slice(0, workload.id.indexOf('/'))}/${workload.owner}`;
}

export function backingOf(workload: Workload): Backing {
  return { pod: workload.id, owner: ownerOf(workload) };
}

function annotatedNames(workload: Workload): readonly string[] | undefined {
  const text = workload.annotations[SERVICE_ANNOTATION];
  if (text === undefined) return undefined;
  return text.split(',').map((part) => ownershipName(part.trim()));
}

function podOf(endpoint: Endpoint, rules: OwnershipRules): string | undefined {
  for (const name of rules.podMetadata) {
    const value = endpoint.metadata[name];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
