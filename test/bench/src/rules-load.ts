import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The routes in one VirtualService. */
export const ROUTES = 10;
const INSTANCES = 10;

/** Who the rules are for: the sidecars of the mesh, or a router with a Gateway that they are bound to. */
export type RulesFor = 'sidecar' | 'router';

/** A directory with one ServiceEntry and one VirtualService for each of some services, which an istiod and a bridge both read. */
export class RulesLoad {
  readonly dir: string;
  readonly rules: number;
  readonly #bound: RulesFor;

  private constructor(dir: string, rules: number, bound: RulesFor) {
    this.dir = dir;
    this.rules = rules;
    this.#bound = bound;
  }

  static async write(rules: number, bound: RulesFor): Promise<RulesLoad> {
    const load = new RulesLoad(await mkdtemp(join(tmpdir(), 'isthmus-bench-rules-')), rules, bound);
    await writeFile(join(load.dir, 'gateway.yaml'), GATEWAY);
    for (let n = 0; n < rules; n += 1) {
      await writeFile(join(load.dir, `service-${n}.yaml`), serviceEntry(n));
      await writeFile(join(load.dir, `rule-${n}.yaml`), virtualService(n, bound));
    }
    return load;
  }

  /** The first route of one rule matches another path, which has `mark` in it. */
  async change(n: number, mark: string): Promise<void> {
    const file = join(this.dir, `rule-${n}.yaml`);
    await writeFile(`${file}.new`, virtualService(n, this.#bound, mark)); // no name that is read
    await rename(`${file}.new`, file);
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Rules of which the last route is in an encoded RouteConfiguration. */
export function rulesIn(message: Buffer): number {
  const numbers = message.toString('latin1').matchAll(new RegExp(`/s(\\d+)/p${ROUTES - 1}/`, 'g'));
  return new Set(Array.from(numbers, ([, n]) => n)).size;
}

export function virtualService(n: number, bound: RulesFor, mark = 'p0'): string {
  const host = hostOf(n);
  const routes = Array.from({ length: ROUTES }, (_, at) => {
    const path = `/s${n}/${at === 0 ? mark : `p${at}`}/`;
    return `  - match:
    - uri:
        prefix: ${path}
      headers:
        x-user:
          exact: tester
    timeout: ${at + 1}s
    retries:
      attempts: 2
      perTryTimeout: 500ms
    route:
    - destination:
        host: ${host}
        port:
          number: 80`;
  });
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: rule-${n}
  namespace: shop
spec:
  hosts:
  - ${host}
${bound === 'router' ? '  gateways:\n  - shop/edge\n' : ''}  http:
${routes.join('\n')}
`;
}

function serviceEntry(n: number): string {
  const instances = Array.from({ length: INSTANCES }, (_, at) => {
    const i = n * INSTANCES + at;
    return `  - address: 10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  });
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: service-${n}
  namespace: shop
spec:
  hosts:
  - ${hostOf(n)}
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
  - number: 80
    name: http
    protocol: HTTP
  endpoints:
${instances.join('\n')}
`;
}

function hostOf(n: number): string {
  return `s${n}.shop.example`;
}

const GATEWAY = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: edge
  namespace: shop
spec:
  selector:
    bench: edge
  servers:
  - port:
      number: 80
      name: http
      protocol: HTTP
    hosts:
    - '*'
`;
