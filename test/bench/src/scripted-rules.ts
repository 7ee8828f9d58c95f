import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RULES_A_FILE = 2_000;

/** Istio's rules for the services of a `ScriptedRegistry`, in a directory: a VirtualService and a DestinationRule for each. */
export class ScriptedRules implements AsyncDisposable {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async write(services: number): Promise<ScriptedRules> {
    const rules = new ScriptedRules(await mkdtemp(join(tmpdir(), 'isthmus-bench-rules-')));
    for (let from = 0; from < services; from += RULES_A_FILE) {
      const some = Array.from({ length: Math.min(RULES_A_FILE, services - from) }, (_, n) => rulesOf(from + n));
      await writeFile(join(rules.dir, `rules-${from}.yaml`), some.join(''));
    }
    return rules;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

function rulesOf(n: number): string {
  const host = `load-${n}.scripted`;
  return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: load-${n}, namespace: default }
spec:
  hosts: [${host}]
  http:
  - match: [{ uri: { prefix: /v2/ } }]
    timeout: 2s
    route: [{ destination: { host: ${host}, subset: v1 } }]
  - retries: { attempts: 3, perTryTimeout: 500ms }
    route: [{ destination: { host: ${host} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: load-${n}, namespace: default }
spec:
  host: ${host}
  trafficPolicy:
    loadBalancer: { simple: LEAST_REQUEST }
    outlierDetection: { consecutive5xxErrors: 7, interval: 5m, baseEjectionTime: 15m }
  subsets: [{ name: v1, labels: { version: v1 } }]
`;
}
