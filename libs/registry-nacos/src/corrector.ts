import { IsthmusError } from '@isthmus/model';
import type { Clock, ServiceKey } from '@isthmus/model';
import type { CorrectionOutcome, CorrectionTarget, RegistryCorrector } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import { connect } from './admin-wire.ts';
import type { Wire } from './admin-wire.ts';
import type { HttpAnswer } from './http.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';

/**
 * Takes instances out by `enabled=false`, which Nacos keeps as metadata of its own beside what the instance's client
 * registers (since 2.0; `InstanceMetadata`), so that neither beats nor a gRPC client's redo let it in again. It is
 * forgotten with the instance.
 */
export function nacosCorrector(config: NacosConfig, baseDir: string, clock: Clock): RegistryCorrector {
  let wire: Promise<Wire> | undefined;
  let attempt = 0;

  const correct = (target: CorrectionTarget, enabled: boolean, signal: AbortSignal): Promise<CorrectionOutcome> =>
    using((opened) => write(opened, target, enabled, signal));

  async function using<T>(work: (wire: Wire) => Promise<T>): Promise<T> {
    const opened = (wire ??= connect(config, baseDir, clock, attempt));
    try {
      return await work(await opened);
    } catch (thrown) {
      attempt += 1; // the next call asks the next server
      wire = undefined;
      void opened.then(
        ({ http }) => http.close(),
        () => undefined,
      );
      throw thrown;
    }
  }

  return {
    disable: (target, signal) => correct(target, false, signal),
    enable: (target, signal) => correct(target, true, signal),
    mayCorrect: (key, signal) => using((opened) => mayCorrect(opened, key, signal)),
    close: () => {
      void wire?.then(
        ({ http }) => http.close(),
        () => undefined,
      );
    },
  };
}

async function write(wire: Wire, target: CorrectionTarget, enabled: boolean, signal: AbortSignal): Promise<CorrectionOutcome> {
  const { key, endpoint } = target;
  const place = {
    namespaceId: key.namespace,
    ip: endpoint.address,
    port: String(endpoint.port),
  };
  const cluster = endpoint.cluster === '' ? 'DEFAULT' : endpoint.cluster;
  const three = { ...place, clusterName: cluster, groupName: key.group, serviceName: key.name };
  const one = { ...place, serviceName: `${key.group}@@${key.name}` };
  const found = await find(wire, { three, one: { ...one, cluster } }, signal);
  if (found === undefined) return 'absent';
  const { instance } = found;
  const change = {
    ephemeral: String(instance['ephemeral'] !== false),
    // What an update does not bring is lost: a weight becomes 1, and metadata that somebody edited in the console goes.
    weight: String(instance['weight'] ?? endpoint.weight),
    metadata: JSON.stringify(instance['metadata'] ?? {}),
    enabled: String(enabled),
  };
  const answer = found.three
    ? await wire.send('PUT', THREE, { ...three, ...change }, signal)
    : await wire.send('PUT', ONE, { ...one, ...change, clusterName: cluster }, signal);
  check(answer);
  return 'done';
}

/** A change of a service that nobody has: the permission to write is looked at before. */
async function mayCorrect(wire: Wire, { namespace, group }: ServiceKey, signal: AbortSignal): Promise<void> {
  const name = 'isthmus-is-asking';
  const place = {
    namespaceId: namespace,
    ip: '127.0.0.1',
    port: '1',
    ephemeral: 'true',
    clusterName: 'DEFAULT',
    enabled: 'true',
  };
  const three = await wire.send('PUT', THREE, { ...place, groupName: group, serviceName: name }, signal);
  if (isAnswered(three)) return;
  const one = await wire.send('PUT', ONE, { ...place, serviceName: `${group}@@${name}` }, signal);
  if (isAnswered(one)) return;
  check(one.status !== 403 && three.status === 403 ? three : one);
}

/** Of a server that has the API: the service is not there, and that was not a matter of rights. */
function isAnswered(answer: HttpAnswer): boolean {
  return answer.status === 200 || (/instance|service/i.test(textOf(answer)) && ![401, 403, 410, 501].includes(answer.status));
}

const THREE = '/v3/admin/ns/instance';
const ONE = '/v1/ns/instance';

/** The instance itself: the list for clients leaves out what is disabled. Undefined: it is not registered. */
async function find(
  wire: Wire,
  query: { readonly three: Record<string, string>; readonly one: Record<string, string> },
  signal: AbortSignal,
): Promise<{ readonly instance: Json; readonly three: boolean } | undefined> {
  const first = await wire.send('GET', THREE, query.three, signal);
  if (first.status === 200) {
    const instance = readJsonObject(first.body, `GET ${THREE}`)['data'];
    if (typeof instance !== 'object' || instance === null) throw unexpected(THREE);
    return { instance: instance as Json, three: true };
  }
  if (first.status === 404 && RESOURCE_NOT_FOUND.test(textOf(first))) return undefined;
  // Nacos 1 and 2 have no such API; on 3 it is for administrators, and the old one for who may write the namespace.
  const second = await wire.send('GET', ONE, query.one, signal);
  if (second.status === 404 && NO_INSTANCE.test(textOf(second))) return undefined;
  check(second.status === 200 || first.status !== 403 ? second : first);
  return { instance: readJsonObject(second.body, `GET ${ONE}`), three: false };
}

const RESOURCE_NOT_FOUND = /"code":20004\b/;
const NO_INSTANCE = /no (?:matched )?ips? found/;

function textOf({ body }: HttpAnswer): string {
  return body.subarray(0, 500).toString('utf8').trim();
}

function unexpected(path: string): IsthmusError {
  return new IsthmusError('registry.protocol', `the answer to GET ${path} has no instance`);
}

function check(answer: HttpAnswer): void {
  const { status } = answer;
  if (status === 200) return;
  const said = textOf(answer);
  if (status === 401 || status === 403) {
    throw new IsthmusError('registry.auth', `Nacos refuses to change an instance: HTTP ${status} ${said}`, {
      meaning: 'what is dead stays in service there',
      remedy: 'give the user write permission on the namespace; over the API of Nacos 3 that takes an administrator',
    });
  }
  if (status >= 500) throw new IsthmusError('registry.unreachable', `Nacos answers HTTP ${status} ${said}`);
  throw new IsthmusError('registry.protocol', `Nacos refused to change an instance: HTTP ${status} ${said}`);
}
