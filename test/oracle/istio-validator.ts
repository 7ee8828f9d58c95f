import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { provide, servers } from '@isthmus/servers';
import type { MeshObject } from '@isthmus/model';

/** What Istio says of an object; empty texts: nothing. */
export interface Judgement {
  /** Why istiod's webhook would refuse it. */
  readonly error: string;
  /** What the webhook would only warn of. */
  readonly warning: string;
  /** Why kube-apiserver would refuse it by the CRD. */
  readonly crd: string;
}

/** Why Istio's webhook or its CRD would refuse the object; null: it would not. */
export type Verdict = string | null;

export async function istioVerdicts(objects: Iterable<MeshObject>): Promise<readonly Verdict[]> {
  const judgements = await istioJudgements(objects);
  return judgements.map(({ error, crd }) => [error, crd].find((reason) => reason !== '') ?? null);
}

/** Asks Istio's own validation (`recipes/istio-validator`) about all of them in one process, in their order. */
export async function istioJudgements(objects: Iterable<MeshObject>): Promise<readonly Judgement[]> {
  const { home } = await provide('istio-validator');
  const { recipe } = servers['istio-validator'];
  if (recipe.kind !== 'go') throw new Error('the validator is not built by Go');
  // Go's collector would take a third of its CPU: 10,000 entries are 16 s with it as it is, 12 s when it collects seldom.
  const env = { ...process.env, GOGC: '400' };
  const child = spawn(join(home, recipe.program), { stdio: ['pipe', 'pipe', 'inherit'], env });
  const exited = once(child, 'exit');
  const judgements: Judgement[] = [];
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stdout }))
      if (line.startsWith('> '))
        judgements.push({ error: '', warning: '', crd: '', ...(JSON.parse(line.slice(2)) as Partial<Judgement>) }); // Istio's packages log to stdout
  })();
  await Promise.all([pipeline(Readable.from(lines(objects)), child.stdin), reading, exited]);
  if (child.exitCode !== 0) throw new Error(`the validator ended with code ${child.exitCode}`);
  return judgements;
}

function* lines(objects: Iterable<MeshObject>): Generator<string> {
  for (const object of objects) yield `${JSON.stringify(object)}\n`;
}
