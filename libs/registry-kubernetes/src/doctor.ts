import { deadlineSignal } from '@isthmus/model';
import type { Clock, SourceId } from '@isthmus/model';
import { ENDPOINT_SLICES, KubeClient, KubeError, NODES, PODS, SERVICES, listPages, objectKey, ruleFor } from '@isthmus/kube';
import type { Attempt, KubeObject, Resource } from '@isthmus/kube';
import { serviceFilter } from '@isthmus/registry';
import type { Finding, SourceDeps } from '@isthmus/registry';
import type { KubernetesConfig } from './config.ts';
import { looksAt } from './doctor-looks.ts';
import type { EndpointSlice, Pod, Service } from './kept.ts';
import { connectByConfig } from './source.ts';
import type { Connect } from './source.ts';

const DEADLINE_MS = 9_000;
/** Objects of a kind that are looked at; `doctor` is no audit. */
const MOST_OBJECTS = 5_000;
/** Tokens, certificates and leases suffer from more. */
const MOST_SKEW_MS = 5_000;

export async function kubernetesDoctor(
  id: SourceId,
  config: KubernetesConfig,
  deps: SourceDeps,
  signal: AbortSignal,
  connect: Connect = connectByConfig,
): Promise<readonly Finding[]> {
  let client: KubeClient | undefined;
  const limited = deadlineSignal(DEADLINE_MS, signal);
  const findings: Finding[] = [];
  try {
    client = new KubeClient(await connect(config, deps.baseDir), { timeoutMs: Math.min(config.timeout, DEADLINE_MS) });
    findings.push(...(await greet(client, deps.clock, limited)));
    const missing = await rights(client, config, limited);
    findings.push(...missing);
    if (missing.every(({ level }) => level !== 'error')) findings.push(...(await look(client, config, limited)));
  } catch (thrown) {
    findings.push(problem(id, thrown, limited));
  } finally {
    client?.close();
  }
  return findings;
}

async function greet(client: KubeClient, clock: Clock, signal: AbortSignal): Promise<readonly Finding[]> {
  const { body, headers } = await client.exchange({ path: '/version', signal });
  const { gitVersion = 'of an unknown version' } = body as { readonly gitVersion?: string };
  const findings: Finding[] = [{ level: 'ok', what: `Kubernetes ${gitVersion} at ${client.access.server} answers` }];
  const skew = Date.parse(headers.date ?? '') - clock.now();
  if (Math.abs(skew) > MOST_SKEW_MS) {
    findings.push({
      level: 'warning',
      what: `the API server's clock is ${Math.round(Math.abs(skew) / 1_000)} s ${skew > 0 ? 'ahead of' : 'behind'} ours`,
      remedy: 'synchronise both by NTP: tokens and certificates are valid by the clock',
    });
  }
  return findings;
}

/** One question for each verb that the watches need; the right to ask it has everybody. */
async function rights(client: KubeClient, config: KubernetesConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const namespaces = config.namespaces[0] === '*' ? [''] : config.namespaces;
  const needed: Attempt[] = [];
  for (const verb of ['list', 'watch'] as const) {
    for (const resource of [SERVICES, ENDPOINT_SLICES, ...(config.workloads ? [PODS] : [])]) {
      for (const namespace of namespaces) needed.push({ verb, resource, namespace });
    }
    needed.push({ verb, resource: NODES, namespace: '' });
  }
  const allowed = await Promise.all(needed.map((attempt) => mayI(client, attempt, signal)));
  const missing = new Map<string, Finding>();
  for (const [index, attempt] of needed.entries()) {
    if (allowed[index] === true) continue;
    const { resource, namespace } = attempt;
    const where = namespace === '' ? 'in the whole cluster' : `in namespace ${namespace}`;
    const nodes = resource === NODES;
    missing.set(`${resource.plural} ${namespace}`, {
      level: nodes ? 'warning' : 'error',
      what: `the account may not list and watch ${resource.plural} ${where}${nodes ? '; localities have no region then' : ''}`,
      remedy: `add to its ${namespace === '' ? 'ClusterRole' : 'Role there'}: ${ruleFor(attempt)}`,
    });
  }
  return [...missing.values()];
}

async function mayI(client: KubeClient, { verb, resource, namespace }: Attempt, signal: AbortSignal): Promise<boolean> {
  const resourceAttributes = { verb, group: resource.group, resource: resource.plural, namespace };
  const body = await client.call<{ readonly status?: { readonly allowed?: boolean } }>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
    signal,
  });
  return body.status?.allowed === true;
}

async function look(client: KubeClient, config: KubernetesConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const namespaces = config.namespaces[0] === '*' ? [''] : config.namespaces;
  const wanted = serviceFilter(config.services);
  const { labelSelector } = config;
  const read = async <T extends KubeObject>(resource: Resource, selector?: string): Promise<readonly T[]> => {
    const found: T[] = [];
    for (const namespace of namespaces) {
      const options = { namespace, signal, ...(selector === undefined ? {} : { labelSelector: selector }) };
      for await (const { items } of listPages<T>(client, resource, options)) {
        found.push(...items);
        if (found.length >= MOST_OBJECTS) return found;
      }
    }
    return found;
  };
  const services = (await read<Service>(SERVICES, labelSelector)).filter((service) => wanted(objectKey(service)));
  const slices = await read<EndpointSlice>(ENDPOINT_SLICES);
  const pods = config.workloads ? await read<Pod>(PODS) : [];
  return looksAt(services, slices, pods);
}

function problem(id: SourceId, thrown: unknown, limited: AbortSignal): Finding {
  if (limited.aborted) {
    return {
      level: 'warning',
      what: `Kubernetes ${id}: not everything could be read in ${DEADLINE_MS / 1_000} s`,
      remedy: 'try again',
    };
  }
  const error = KubeError.from(thrown);
  return { level: 'error', what: `Kubernetes ${id}: ${error.message}`, remedy: error.remedy ?? 'check kubeconfig and context' };
}
