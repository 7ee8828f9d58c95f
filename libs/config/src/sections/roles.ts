import { valueAt } from '../issues.ts';
import { formatPath } from '../problem.ts';
import type { ConfigPath, ConfigProblem } from '../problem.ts';
import { ROLES } from '../schema.ts';
import type { YamlFile } from '../yaml-file.ts';

/** What hands on what an adapter has read. */
const ADAPTER_OUTPUTS: readonly ConfigPath[] = [['outputs', 'mcp'], ['outputs', 'kubernetes'], ['outputs', 'files'], ['publish']];
const NEEDS: readonly (readonly [path: ConfigPath, role: string])[] = [
  ...ADAPTER_OUTPUTS.map((path) => [path, 'adapter'] as const),
  [['outputs', 'xds'], 'xds'],
  [['control'], 'control'],
];

/**
 * Roles that are written down must fit what else is: a role without its output does nothing, an output without its role
 * would not open its port, and both look like a bridge that works.
 */
export function* roleProblems(yaml: YamlFile): Generator<ConfigProblem> {
  const written = valueAt(yaml.value, ['roles']);
  const isRole = (role: unknown) => ROLES.some((known) => known === role);
  if (!Array.isArray(written) || written.length === 0 || !written.every(isRole)) return; // the schema says so
  const roles: readonly unknown[] = written;
  const isSet = (path: ConfigPath): boolean => {
    const value = valueAt(yaml.value, path);
    return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  };
  for (const [path, role] of NEEDS) {
    if (roles.includes(role) || !isSet(path)) continue;
    yield {
      file: yaml.file,
      ...yaml.keyAt(path),
      what: `${formatPath(path)} is set, but this process has no role ${role}`,
      why: 'without the role it would not be served, although the config says so',
      remedy: `add ${role} to roles, or take ${formatPath(path)} out of this process’s config`,
    };
  }
  const at = (what: string, why: string, remedy: string): ConfigProblem => ({
    file: yaml.file,
    ...yaml.valueAt(['roles']),
    what,
    why,
    remedy,
  });
  if (roles.includes('xds') && !isSet(['outputs', 'xds'])) {
    yield at(
      'roles has xds, but there is no outputs.xds',
      'no proxy could connect',
      'add `outputs: { xds: { listen: 127.0.0.1:15012 } }`, or take xds out of roles',
    );
  }
  if (roles.includes('adapter') && !roles.includes('xds') && !ADAPTER_OUTPUTS.some(isSet)) {
    yield at(
      'roles has adapter, but nothing takes what it reads',
      'the registries would be read for nobody',
      'add `outputs: { mcp: { listen: 127.0.0.1:15010 } }`, which a process of role xds reads as a registry of kind mcp',
    );
  }
}
