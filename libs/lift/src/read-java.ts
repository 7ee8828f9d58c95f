import type { LiftedPolicy } from '@isthmus/contract';

type Tree = Readonly<Record<string, unknown>>;

/** `a.b.c=value` lines as the tree that YAML would give. */
export function readProperties(text: string): Tree {
  const root: Record<string, unknown> = {};
  for (const line of text.replaceAll(/\\\r?\n\s*/g, '').split('\n')) {
    const [, key = '', value = ''] = /^\s*([^\s#!:=][^\s:=]*)\s*[:=]\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === '') continue;
    const path = key.replaceAll(/\[([^\]]+)\]/g, '.$1').split('.').filter((part) => part !== '' && part !== '__proto__'); // prettier-ignore
    let at = root;
    for (const part of path.slice(0, -1)) {
      const next = at[part];
      at = isTree(next) ? (next as Record<string, unknown>) : ((at[part] = {}) as Record<string, unknown>);
    }
    at[path.at(-1) ?? key] = value;
  }
  return root;
}

/** Below `hystrix`: commands with what `default` says, and their thread pools. */
export function hystrixPolicies(hystrix: Tree): readonly LiftedPolicy[] {
  const [commands, pools] = [treeOf(hystrix['command']), treeOf(hystrix['threadpool'])];
  const base = flat(treeOf(commands['default']));
  const pool = prefixed(flat(treeOf(pools['default'])));
  const names = Object.keys(commands).filter((name) => name !== 'default');
  return (names.length === 0 ? ['default'] : names).map((name) => ({
    library: 'hystrix',
    version: '',
    name,
    policy: 'circuitBreaking',
    options: { ...base, ...pool, ...flat(treeOf(commands[name])), ...prefixed(flat(treeOf(pools[name]))) },
  }));
}

const KINDS = {
  circuitbreaker: ['resilience4j-circuitbreaker', 'circuitBreaking'],
  retry: ['resilience4j-retry', 'retry'],
  timelimiter: ['resilience4j-timelimiter', 'timeout'],
  bulkhead: ['resilience4j-bulkhead', 'circuitBreaking'],
  ratelimiter: ['resilience4j-ratelimiter', 'circuitBreaking'],
  threadpoolbulkhead: ['resilience4j-ratelimiter', 'circuitBreaking'],
} as const;

/** Below `resilience4j`: each instance with what its base and `default` say. */
export function resiliencePolicies(resilience: Tree): readonly LiftedPolicy[] {
  return Object.entries(resilience).flatMap(([section, value]): readonly LiftedPolicy[] => {
    const kind = (KINDS as Readonly<Record<string, (typeof KINDS)[keyof typeof KINDS]>>)[
      section.replaceAll('-', '').toLowerCase()
    ];
    if (kind === undefined) return [];
    const [library, policy] = kind;
    const { configs, instances, backends } = treeOf(value);
    const configOf = (name: unknown): Tree => camel(treeOf(treeOf(configs)[String(name ?? 'default')]));
    return Object.entries({ ...treeOf(backends), ...treeOf(instances) }).map(([name, own]) => {
      const options = camel(treeOf(own));
      return { library, version: '', name, policy, options: { ...configOf(options['baseConfig']), ...options } };
    });
  });
}

function flat(tree: Tree, path = ''): Readonly<Record<string, unknown>> {
  return Object.assign(
    {},
    ...Object.entries(tree).map(([key, value]) => (isTree(value) ? flat(value, `${path}${key}.`) : { [`${path}${key}`]: value })),
  ) as Tree;
}

function prefixed(options: Tree): Tree {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [`threadpool.${key}`, value]));
}

/** Spring takes `sliding-window-size` for `slidingWindowSize`. */
function camel(options: Tree): Tree {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

function treeOf(value: unknown): Tree {
  return isTree(value) ? value : {};
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
