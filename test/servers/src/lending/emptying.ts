/** What is on servers that test files had, and how it goes: then they are as they were when they started. */
import { http, type HttpAnswer } from '../probe.ts';
import type { Contents } from './lender.ts';

type Ports = Readonly<Record<string, number>>;
type Ask = (method: string, path: string) => Promise<HttpAnswer>;

export const nacos2Contents: Contents = {
  async left(ports) {
    const ask = nacos(ports);
    const services = await nacosServices(ask);
    const configs = await nacosConfigs(ask);
    // These counts are of all namespaces: what is in another one than the lists' is not taken away, and shows here.
    const counts = parsed<{ instanceCount: number; connectionBasedClientCount: number }>(
      await ask('GET', 'ns/operator/metrics?onlyStatus=false'),
    );
    return told({
      services: services.length,
      instances: counts.instanceCount,
      clients: counts.connectionBasedClientCount,
      configurations: configs.length,
    });
  },
  async clear(ports) {
    const ask = nacos(ports);
    for (const { groupName, serviceName, clusterMap } of await nacosServices(ask)) {
      const service = `serviceName=${encodeURIComponent(serviceName)}&groupName=${encodeURIComponent(groupName)}`;
      for (const [cluster, { hosts }] of Object.entries(clusterMap))
        for (const { ip, port } of hosts) {
          const instance = `${service}&clusterName=${encodeURIComponent(cluster)}&ip=${ip}&port=${port}`;
          // Which of the two it is the list does not say; the other one is not there, which is no error.
          for (const ephemeral of [true, false]) await ask('DELETE', `ns/instance?${instance}&ephemeral=${ephemeral}`);
        }
      await ask('DELETE', `ns/service?${service}`);
    }
    for (const { dataId, group } of await nacosConfigs(ask))
      await ask('DELETE', `cs/configs?dataId=${encodeURIComponent(dataId)}&group=${encodeURIComponent(group)}`);
  },
};

interface NacosService {
  readonly serviceName: string;
  readonly groupName: string;
  readonly clusterMap: Readonly<Record<string, { readonly hosts: readonly { readonly ip: string; readonly port: number }[] }>>;
}

/** Those of the namespace `public`, also without instances. */
async function nacosServices(ask: Ask): Promise<readonly NacosService[]> {
  const all = 'namespaceId=public&pageNo=1&pageSize=500&withInstances=true&hasIpCount=false&groupNameParam=&serviceNameParam=';
  return parsed(await ask('GET', `ns/catalog/services?${all}`));
}

async function nacosConfigs(ask: Ask): Promise<readonly { readonly dataId: string; readonly group: string }[]> {
  const all = await ask('GET', 'cs/configs?search=blur&dataId=*&group=*&pageNo=1&pageSize=500');
  return parsed<{ pageItems: readonly { dataId: string; group: string }[] }>(all).pageItems;
}

const nacos =
  ({ http: port = 0 }: Ports): Ask =>
  (method, path) =>
    http(port, `/nacos/v1/${path}`, { method, signal: AbortSignal.timeout(5_000) });

export const eurekaContents: Contents = {
  async left(ports) {
    return told({ applications: (await eurekaApplications(eureka(ports))).length });
  },
  async clear(ports) {
    const ask = eureka(ports);
    for (const { name, instance } of await eurekaApplications(ask))
      for (const { instanceId } of instance)
        await ask('DELETE', `/${encodeURIComponent(name)}/${encodeURIComponent(instanceId)}`);
  },
};

interface EurekaApplication {
  readonly name: string;
  readonly instance: readonly { readonly instanceId: string }[];
}

async function eurekaApplications(ask: Ask): Promise<readonly EurekaApplication[]> {
  const { applications } = parsed<{ applications: { application: readonly EurekaApplication[] } }>(await ask('GET', ''));
  return applications.application;
}

const eureka =
  ({ http: port = 0 }: Ports): Ask =>
  (method, path) =>
    http(port, `/eureka/apps${path}`, { method, headers: { accept: 'application/json' }, signal: AbortSignal.timeout(5_000) });

function told(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

function parsed<T>({ status, body }: HttpAnswer): T {
  if (status !== 200) throw new Error(`${status} ${body.slice(0, 200)}`);
  return JSON.parse(body) as T;
}
