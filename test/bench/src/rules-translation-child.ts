// The translation of rules alone, in a process of its own, started by xds-rules.ts: no files, no streams, no clients.
import { parseIstioYaml } from '@isthmus/policy';
import { NOWHERE } from '@isthmus/model';
import type { MeshHost, MeshService, ServiceId } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { openMesh } from '../../../apps/bridge/src/mesh/open-mesh.ts';
import { virtualService } from './rules-load.ts';
import { median } from './statistics.ts';

export interface TranslationSetup {
  readonly rules: number;
  readonly changes: number;
}

/** ms of CPU of the thread. */
export interface Translated {
  readonly kind: 'translated';
  /** Text → checked objects, all of them, the first time and when the code is warm. */
  readonly parseFirst: number;
  readonly parse: number;
  /** Checked objects → clusters, endpoints, listeners and routes of a sidecar that intercepts, the first time and when warm. */
  readonly fullFirst: number;
  readonly full: number;
  /** One rule changed: its objects are given, the route with it is put together. */
  readonly change: number;
  readonly parseOne: number;
}

const ROUNDS = 3;
const NODE = 'sidecar~172.16.0.1~bench.shop~shop.svc.cluster.local';
const { rules, changes } = JSON.parse(process.argv[2] ?? '{}') as TranslationSetup;

const services = Array.from({ length: rules }, (_, n) => service(n));
const texts = Array.from({ length: rules }, (_, n) => virtualService(n, 'sidecar'));
const parsing: number[] = [];
const full: number[] = [];
let last: { readonly mesh: ReturnType<typeof openMesh>; readonly objects: IstioObject[] } | undefined;
for (let round = 0; round < ROUNDS; round += 1) {
  let objects: IstioObject[] = [];
  parsing.push(cpuOf(() => (objects = texts.flatMap((text, n) => parse(text, n)))));
  const mesh = openMesh();
  mesh.views.viewFor({ id: NODE, cluster: 'bench', metadata: { INTERCEPTION_MODE: 'REDIRECT' }, userAgent: '' });
  full.push(
    cpuOf(() => {
      for (const each of services) mesh.publisher.publish(each.host, each);
      take(
        mesh,
        objects.map((after) => ({ before: undefined, after })),
      );
    }),
  );
  last = { mesh, objects };
}
const changing: number[] = [];
const parsingOne: number[] = [];
for (let n = 0; n < changes && last !== undefined; n += 1) {
  const at = (n * 7) % rules;
  let [after]: readonly IstioObject[] = [];
  parsingOne.push(cpuOf(() => ([after] = parse(virtualService(at, 'sidecar', `mark-${n}`), at))));
  const { mesh, objects } = last;
  changing.push(cpuOf(() => take(mesh, [{ before: objects[at], after }])));
  if (after !== undefined) objects[at] = after;
}
const said: Translated = {
  kind: 'translated',
  parseFirst: parsing[0] ?? Number.NaN,
  parse: median(parsing.slice(1)),
  fullFirst: full[0] ?? Number.NaN,
  full: median(full.slice(1)),
  change: median(changing),
  parseOne: median(parsingOne),
};
process.send?.(said, () => process.exit(0));

function parse(text: string, n: number): readonly IstioObject[] {
  return parseIstioYaml(text, { file: `rule-${n}.yaml`, defaultNamespace: 'shop' }).objects;
}

type Changes = Parameters<ReturnType<typeof openMesh>['publisher']['queueRules']>[0];

function take({ publisher }: ReturnType<typeof openMesh>, objects: Changes): void {
  publisher.queueRules(objects);
  for (const _ of publisher.applyRules());
  publisher.commit();
  for (const _ of publisher.composeRoutes());
}

function cpuOf(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

function service(n: number): MeshService {
  const port = { number: 80, name: 'http', protocol: 'http' as const };
  return {
    host: `s${n}.shop.example` as MeshHost,
    namespace: 'shop',
    resolution: 'static',
    ports: [port],
    endpoints: Array.from({ length: 10 }, (_, at) => ({
      origin: 'files///s' as ServiceId,
      portName: port.name,
      endpoint: {
        instanceId: `${n}-${at}`,
        address: `10.${n >> 8}.${n & 255}.${at}`,
        addressType: 'ip',
        port: 80,
        protocol: 'http',
        weight: 1,
        health: 'healthy',
        locality: NOWHERE,
        labels: {},
        metadata: {},
        cluster: '',
        network: '',
        identity: '',
      },
    })),
    origins: [],
    vip: undefined,
    diagnostics: [],
  };
}
