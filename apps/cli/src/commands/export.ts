import { Option } from 'commander';
import type { Command } from 'commander';
import type { OutputPlanList } from '@isthmus/contract';
import { isEmptyPlan, objectKey, planOf } from '@isthmus/model';
import type { MeshObject, OutputPlan } from '@isthmus/model';
import { parse } from 'yaml';
import type { Io } from '../io.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { controlUrl, readClient, withControl } from '../options.ts';
import type { ControlOptions } from '../options.ts';
import { planText } from '../render/output-plan.ts';

interface ExportOptions {
  readonly format: string;
  readonly diff?: boolean;
  readonly against?: URL;
}

export function addExport(program: Command, io: Io): void {
  const command = program
    .command('export')
    .description('Print what would be published, as files: the dry run of every output.')
    .addOption(
      new Option(
        '--format <format>',
        'ServiceEntry YAML for istio, every resource as JSON, or what would be written into registries',
      )
        .choices(['istio', 'json', 'publications'])
        .default('istio'),
    )
    .option('--diff', 'compare with what is there; exit code 1 when something would be written')
    .addOption(
      new Option('--against <url>', 'with --diff: compare with what the bridge at this control URL publishes').argParser(
        controlUrl,
      ),
    )
    .addHelpText(
      'after',
      `
Examples:
  isthmus export --format istio > serviceentries.yaml
  isthmus export --format publications        the way back: every entry that would be written, changed or withdrawn, and why
  isthmus export --diff                       what files and Kubernetes would be written, compared with what is there
  isthmus export --diff --against http://127.0.0.1:15081      what another bridge publishes differently (an upgrade, a changed config)
  isthmus export --format json | jq '.items[].host'`,
    );
  withControl(command, io).action(async (options: ControlOptions & ExportOptions) => {
    if (options.diff === true || options.against !== undefined) return printDiff(options, io);
    const text = await readClient(options, io).getText(`/export?format=${options.format}`);
    io.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  });
}

async function printDiff(options: ControlOptions & ExportOptions, io: Io): Promise<void> {
  const client = readClient(options, io);
  const { items } =
    options.against === undefined
      ? await client.get<OutputPlanList>('/outputs/plan')
      : { items: [await difference(options, options.against, io)] };
  for (const plan of items) io.stdout.write(planText(plan));
  if (items.length === 0) io.stderr.write('the config has no output that keeps objects (outputs.files, outputs.kubernetes)\n');
  // Like diff: scripts ask whether there is something.
  if (items.some((plan) => !isEmptyPlan(plan) || plan.diagnostics.length > 0)) throw new CliError(EXIT.found, '');
}

/** From what the other bridge publishes to what this one does. */
async function difference(options: ControlOptions & ExportOptions, against: URL, io: Io): Promise<OutputPlan> {
  const { tokenFile: _, ...withoutToken } = options; // the token is for one bridge, and not to be told another
  const exported = async (of: ControlOptions) => documents(await readClient(of, io).getText('/export?format=istio'));
  const [there, wanted] = await Promise.all([exported({ ...withoutToken, control: against }), exported(options)]);
  return planOf(`${against.origin} → ${options.control.origin}`, there, wanted);
}

function documents(yaml: string): ReadonlyMap<string, string> {
  return new Map(
    yaml
      .split('---\n')
      .filter((text) => text.trim() !== '')
      .map((text) => [nameOf(text), text]),
  );
}

function nameOf(text: string): string {
  const { kind, metadata } = parse(text.slice(0, text.indexOf('\nspec:'))) as Pick<MeshObject, 'kind' | 'metadata'>;
  return objectKey({ kind, metadata });
}
