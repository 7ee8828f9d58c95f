import { SENTINEL_KINDS, readPolicies, sentinelDataId } from '@isthmus/lift';
import type { LiftedPolicy } from '@isthmus/contract';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { terminalSafe } from '../terminal-safe.ts';

/** Sentinel's own name. */
const GROUP = 'SENTINEL_GROUP';

export interface RegistryOptions {
  readonly config: string;
  readonly registry?: string;
  readonly app?: string;
  readonly dataId?: readonly string[];
  readonly group?: string;
  readonly configNamespace?: string;
}

/** One config that was asked for, as the report has it. */
export interface AskedConfig {
  readonly dataId: string;
  readonly group: string;
  readonly namespace: string;
  /** `empty`: an empty list, which a dashboard leaves where all rules were deleted. */
  readonly found: 'rules' | 'empty' | 'missing';
  readonly policies: number;
}

interface Text {
  readonly dataId: string;
  readonly group: string;
  readonly namespace: string;
  readonly content?: string;
}

/** Policies that a registry's config store has, by the bridge's own program: it knows the registries of a config. */
export async function policiesOfRegistry(
  registry: string,
  options: RegistryOptions,
  io: Io,
): Promise<{ readonly policies: readonly LiftedPolicy[]; readonly configs: readonly AskedConfig[] }> {
  const dataIds = options.dataId ?? SENTINEL_KINDS.map((kind) => sentinelDataId(appOf(options), kind));
  const texts = await ask(io, [
    ...['-c', options.config, '--registry', registry, '--group', options.group ?? GROUP],
    ...(options.configNamespace === undefined ? [] : ['--namespace', options.configNamespace]),
    ...dataIds.flatMap((dataId) => ['--data-id', dataId]),
  ]);
  const read = texts.map((text) => ({ ...text, policies: policiesOf(registry, text) }));
  const configs = read.map(({ dataId, group, namespace, content, policies }): AskedConfig => {
    const found = content === undefined ? 'missing' : policies.length === 0 ? 'empty' : 'rules';
    return { dataId, group, namespace, found, policies: policies.length };
  });
  const policies = read.flatMap((text) => text.policies);
  if (policies.length > 0) return { policies, configs };
  throw new CliError(
    EXIT.found,
    `${lines(registry, configs)}Nothing is there to lift. Say where the rules are: --app, or --data-id, --group and --config-namespace.`,
  );
}

/** One line a config. */
export function lines(registry: string, configs: readonly AskedConfig[]): string {
  const says = { rules: 'read', empty: 'has no rules', missing: 'is not there' } as const;
  return configs
    .map(({ dataId, group, namespace, found, policies }) => {
      const number = found === 'rules' ? `, ${policies} ${policies === 1 ? 'rule' : 'rules'}` : '';
      return `${terminalSafe(`${registry}: ${dataId} in ${namespace}/${group} ${says[found]}${number}`)}\n`;
    })
    .join('');
}

function appOf({ app }: RegistryOptions): string {
  if (app !== undefined) return app;
  throw new CliError(EXIT.usage, '--registry needs --app NAME (its NAME-flow-rules and NAME-degrade-rules), or --data-id ID.');
}

async function ask(io: Io, args: readonly string[]): Promise<readonly Text[]> {
  const { code, stdout, stderr } = await io.ask('bridge', ['configs', ...args]);
  if (code !== 0) throw new CliError(EXIT.found, stderr.trim());
  return (JSON.parse(stdout) as { readonly items: readonly Text[] }).items;
}

function policiesOf(registry: string, { dataId, group, namespace, content }: Text): readonly LiftedPolicy[] {
  if (content === undefined || /^\s*(?:\[\s*\])?\s*$/.test(content)) return [];
  const read = readPolicies(content);
  if (read.ok) return read.policies;
  throw new CliError(EXIT.found, `${registry}: ${dataId} in ${namespace}/${group}: ${read.what}. Remedy: ${read.remedy}.`);
}
