import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { provide, servers } from '@isthmus/servers';
import type { OracleCase } from './oracle-case.ts';
import { proxyNode } from './proxy-node.ts';
import type { JsonObject, ResourceSet } from './resource-set.ts';

export interface Oracle extends AsyncDisposable {
  /** What istiod sends to the node of this case. @throws {Error} with istiod's reason, also when an object is invalid. */
  translate(oracleCase: OracleCase): Promise<ResourceSet>;
  /** The WorkloadEntries that it makes of the node of this case when it connects, by `namespace/name`. @throws as `translate` */
  registered(oracleCase: OracleCase): Promise<Readonly<Record<string, RegisteredObject>>>;
}

/** A WorkloadEntry as ProtoJSON, and what of its metadata an owner can say. */
export interface RegisteredObject {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: JsonObject;
}

interface Answer extends ResourceSet {
  readonly registered?: Readonly<Record<string, RegisteredObject>>;
  readonly error?: string;
  /** What it took inside the process. */
  readonly milliseconds: number;
}

/** Stock Envoy has none of Istio's own filters and would reject what names them. */
const withoutOwnFilters = { PILOT_ENABLE_ALPN_FILTER: 'false', PILOT_ENABLE_METADATA_EXCHANGE: 'false' };
/** Its streams are without TLS, and so without an identity. */
const withoutIdentity = { ISTIO_WORKLOAD_ENTRY_VALIDATE_IDENTITY: 'false' };

/**
 * Starts the program that has istiod's translation in it (`test/servers/recipes/istiod-oracle`), building it first where it is not in
 * the cache. Cases are answered one after the other.
 */
export async function startOracle(): Promise<Oracle> {
  const { home } = await provide('istiod-oracle');
  const { recipe } = servers['istiod-oracle'];
  if (recipe.kind !== 'go') throw new Error('the oracle is not built by Go');
  const child = spawn(join(home, recipe.program), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...withoutOwnFilters, ...withoutIdentity, GOGC: '400' }, // it lives for a minute: see istio-validator.ts
  });
  const exited = once(child, 'exit');
  const waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void }[] = [];
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(-4_000)));
  child.stdin.on('error', () => undefined); // its end is told by `exit`
  // Istio's packages log to stdout too; answers have a mark.
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('> ')) waiting.shift()?.resolve(JSON.parse(line.slice(2)) as Answer);
  });
  void exited.then(([code]) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`the oracle ended with code ${String(code)}\n${complaints}`));
  });
  const ask = async (oracleCase: OracleCase): Promise<Answer> => {
    if (child.exitCode !== null) throw new Error(`the oracle has ended\n${complaints}`);
    const answer = await new Promise<Answer>((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(question(oracleCase))}\n`);
    });
    if (answer.error !== undefined) throw new Error(`${oracleCase.name}: istiod says: ${answer.error}`);
    return answer;
  };
  return {
    async translate(oracleCase) {
      const { clusters, listeners, routes, endpoints } = await ask(oracleCase);
      return { clusters, listeners, routes, endpoints };
    },
    async registered(oracleCase) {
      return (await ask(oracleCase)).registered ?? {};
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}

function question({ yaml, node, mesh, dials }: OracleCase): unknown {
  return { yaml, mesh: JSON.stringify(mesh), listeners: dials, node: proxyNode(node) };
}
