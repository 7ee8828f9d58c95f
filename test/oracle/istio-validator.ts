import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { provide, servers } from '@isthmus/servers';
import type { MeshObject } from '@isthmus/model';

/** Why Istio's webhook or its CRD would refuse the object; null: it would not. */
export type Verdict = string | null;

/** Asks Istio's own validation (`recipes/istio-validator`) about all of them in one process, in their order. */
export async function istioVerdicts(objects: Iterable<MeshObject>): Promise<readonly Verdict[]> {
  const { home } = await provide('istio-validator');
  const { recipe } = servers['istio-validator'];
  if (recipe.kind !== 'go') throw new Error('the validator is not built by Go');
  const child = spawn(join(home, recipe.program), { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const verdicts: Verdict[] = [];
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stdout }))
      if (line.startsWith('> ')) verdicts.push(JSON.parse(line.slice(2)) as Verdict); // Istio's packages log to stdout
  })();
  await Promise.all([pipeline(Readable.from(lines(objects)), child.stdin), reading, exited]);
  if (child.exitCode !== 0) throw new Error(`the validator ended with code ${child.exitCode}`);
  return verdicts;
}

function* lines(objects: Iterable<MeshObject>): Generator<string> {
  for (const object of objects) yield `${JSON.stringify(object)}\n`;
}
