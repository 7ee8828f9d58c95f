import { parseMeshHost } from '@isthmus/model';
import { valueAt } from './issues.ts';
import { formatListen, isLoopback, parseListen } from './listen.ts';
import { formatPath } from './problem.ts';
import type { ConfigPath, ConfigProblem } from './problem.ts';
import { istioProblems } from './sections/istio.ts';
import { agentProblems } from './sections/agents.ts';
import { ledgerProblems } from './sections/ledger.ts';
import { livenessProblems } from './sections/liveness-rules.ts';
import { outputProblems } from './sections/outputs.ts';
import { roleProblems } from './sections/roles.ts';
import { patternProblems } from './sections/merge-patterns.ts';
import { suggest } from './suggest.ts';
import type { YamlFile } from './yaml-file.ts';

/**
 * Rules across fields. They look at the file as written, not at what the schema made of it, so that they are said
 * together with everything else that is wrong; what has the wrong type is the schema's to say.
 */
export function ruleProblems(yaml: YamlFile): readonly ConfigProblem[] {
  return [
    ...listenerProblems(yaml),
    ...nameProblems(yaml),
    ...precedenceProblems(yaml),
    ...hostProblems(yaml),
    ...patternProblems(
      yaml,
      registryNames(yaml).filter((name) => name !== undefined),
    ),
    ...ledgerProblems(yaml),
    ...agentProblems(yaml),
    ...livenessProblems(yaml),
    ...istioProblems(yaml),
    ...outputProblems(yaml),
    ...roleProblems(yaml),
  ];
}

const LISTENERS: readonly ConfigPath[] = [['outputs', 'mcp'], ['outputs', 'xds'], ['control']];

function listenerProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const taken = new Map<string, ConfigPath>();
  for (const path of LISTENERS) {
    const text = valueAt(yaml.value, [...path, 'listen']);
    const address = typeof text === 'string' ? parseListen(text) : undefined;
    if (address === undefined) continue;
    const place = yaml.valueAt([...path, 'listen']);
    const other = address.port === 0 ? undefined : taken.get(formatListen(address));
    if (other !== undefined) {
      problems.push({
        file: yaml.file,
        ...place,
        what: `${formatPath(path)} listens on ${formatListen(address)}, which ${formatPath(other)} has already`,
        why: 'one address and port can have one server',
        remedy: 'give one of them another port',
      });
    }
    taken.set(formatListen(address), path);
    if (isLoopback(address.host) || valueAt(yaml.value, [...path, 'insecure']) === true) continue;
    const missing: string[] = [];
    if (!isSet(yaml, [...path, 'tls'])) missing.push('tls');
    // A client certificate is authentication too.
    if (!isSet(yaml, [...path, 'auth']) && !isSet(yaml, [...path, 'tls', 'clientCaFile'])) missing.push('auth');
    if (missing.length === 0) continue;
    problems.push({
      file: yaml.file,
      ...place,
      what: `${formatPath(path)} listens on ${formatListen(address)}, beyond loopback, without ${missing.join(' and ')}`,
      why: 'whoever reaches the port could read every service of the mesh, or pretend to be this bridge',
      remedy: `listen on 127.0.0.1:${address.port}; or add ${missing.map(howTo).join(' and ')}; or say insecure: true when something else protects the port`,
    });
  }
  return problems;
}

function howTo(missing: string): string {
  return missing === 'tls' ? 'tls: { certFile: ..., keyFile: ... }' : 'auth: { tokensFile: ... } (or tls.clientCaFile)';
}

function isSet(yaml: YamlFile, path: ConfigPath): boolean {
  const value = valueAt(yaml.value, path);
  return value !== undefined && value !== null;
}

function registryNames(yaml: YamlFile): readonly (string | undefined)[] {
  const registries = valueAt(yaml.value, ['registries']);
  if (!Array.isArray(registries)) return [];
  return registries.map((_, i) => {
    const name = valueAt(yaml.value, ['registries', i, 'name']);
    return typeof name === 'string' ? name : undefined;
  });
}

function nameProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const first = new Map<string, number>();
  return registryNames(yaml).flatMap((name, i) => {
    if (name === undefined) return [];
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, i);
      return [];
    }
    return [
      {
        file: yaml.file,
        ...yaml.valueAt(['registries', i, 'name']),
        what: `registries[${i}] has the name "${name.slice(0, 63)}", which registries[${other}] has already`,
        why: 'the name is part of every id, so two registries would overwrite each other',
        remedy: 'give one of them another name',
      },
    ];
  });
}

function precedenceProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const precedence = valueAt(yaml.value, ['merge', 'precedence']);
  const names = registryNames(yaml).filter((name) => name !== undefined);
  if (!Array.isArray(precedence) || names.length === 0) return [];
  const seen = new Set<unknown>();
  return precedence.flatMap((name: unknown, i) => {
    if (typeof name !== 'string') return [];
    const again = seen.has(name);
    seen.add(name);
    if (names.includes(name) && !again) return [];
    const meant = suggest(name, names);
    return [
      {
        file: yaml.file,
        ...yaml.valueAt(['merge', 'precedence', i]),
        what: again
          ? `merge.precedence names "${name.slice(0, 63)}" twice`
          : `merge.precedence names "${name.slice(0, 63)}", which is no registry`,
        why: 'precedence decides which registry wins a host that several claim',
        remedy: again ? 'name it once' : meant === undefined ? `use one of ${names.join(', ')}` : `did you mean ${meant}?`,
      },
    ];
  });
}

const PLACEHOLDER = /\{([^{}]*)\}/g;
const PLACEHOLDERS: readonly string[] = ['source', 'namespace', 'group', 'name'];

function hostProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const hosts = valueAt(yaml.value, ['merge', 'hosts']);
  if (!Array.isArray(hosts)) return [];
  return hosts.flatMap((_, i) => {
    const path = ['merge', 'hosts', i, 'host'];
    const host = valueAt(yaml.value, path);
    if (typeof host !== 'string' || host === '') return [];
    const unknown = [...host.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '').find((name) => !PLACEHOLDERS.includes(name));
    const shown = JSON.stringify(host.length > 60 ? `${host.slice(0, 57)}...` : host);
    const problem = (what: string, remedy: string): ConfigProblem[] => [
      { file: yaml.file, ...yaml.valueAt(path), what, why: 'the host is what callers will use', remedy },
    ];
    if (unknown !== undefined) {
      return problem(
        `${formatPath(path)} has the placeholder {${unknown}}`,
        `use ${PLACEHOLDERS.map((name) => `{${name}}`).join(', ')}`,
      );
    }
    if (parseMeshHost(host.replace(PLACEHOLDER, 'x')) !== undefined) return [];
    return problem(
      `${formatPath(path)} is ${shown}, which is no DNS name`,
      'use letters, digits, dashes and dots, such as orders.shop.mesh',
    );
  });
}
