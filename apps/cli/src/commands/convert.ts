import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatProblem } from '@isthmus/config';
import type { MeshObject } from '@isthmus/model';
import { convertIngress } from '@isthmus/policy';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { terminalSafe } from '../terminal-safe.ts';

interface ConvertOptions {
  readonly file: string;
  readonly namespace: string;
  readonly domain: string;
}

export function addConvert(program: Command, io: Io): void {
  const convert = program
    .command('convert')
    .description("Write other rules as Istio's.")
    .addHelpText('after', '\nExamples:\n  isthmus convert ingress -f ingress.yaml > istio.d/ingress.yaml');
  convert
    .command('ingress')
    .description("Ingress to Gateway and VirtualService, as istiod's ingress controller translates.")
    .requiredOption('-f, --file <file>', 'YAML with Ingresses, and the Services whose ports they name; - is stdin')
    .option('-n, --namespace <name>', 'of Ingresses that name none', 'default')
    .option('--domain <domain>', 'of the cluster', 'cluster.local')
    .addHelpText(
      'after',
      `
Examples:
  isthmus convert ingress -f ingress.yaml > istio.d/ingress.yaml
  kubectl get ingress,service -A -o yaml | isthmus convert ingress -f -

What gets lost is said on stderr, at file:line:column. Exit code 1, and nothing on stdout, when
something is wrong.`,
    )
    .action(async ({ file, namespace, domain }: ConvertOptions) => {
      const bytes = file === '-' ? await everything(io.stdin) : readBytes(io, file);
      const name = file === '-' ? 'stdin' : file;
      const { objects, problems } = convertIngress(bytes, { file: name, defaultNamespace: namespace, domain });
      for (const problem of problems) {
        const what = `${problem.severity === 'error' ? '' : 'warning: '}${problem.what}`;
        io.stderr.write(
          `${formatProblem({ ...problem, what })
            .split('\n')
            .map(terminalSafe)
            .join('\n')}\n`,
        );
      }
      io.stdout.write(objects.map(text).join('---\n'));
      if (problems.some(({ severity }) => severity === 'error')) throw new CliError(EXIT.found, '');
    });
}

function text({ apiVersion, kind, metadata: { name, namespace }, spec }: MeshObject): string {
  return stringify({ apiVersion, kind, metadata: { name, namespace }, spec }, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** A byte above what is read at all: enough to be refused with the limit in the message. */
const MOST_BYTES = 4 * 1024 * 1024 + 1;

async function everything(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MOST_BYTES) break;
  }
  return Buffer.concat(chunks);
}

function readBytes(io: Io, file: string): Uint8Array {
  const path = resolve(io.cwd, file);
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String((cause as Error).message);
    throw new CliError(EXIT.usage, `--file: ${path} cannot be read: ${code}. Check the path.`, { cause });
  }
}
