/**
 * The images that docker-compose.yml names, made here under exactly those tags: a minimal Debian with the same real servers
 * that the other tests run. Only the registry that they would be pulled from is missing.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { provide, servers } from '@isthmus/servers';
import type { DockerEngine } from '@isthmus/servers';

const DEBIAN = 'isthmus-test/debian';
const JAVA = 'eclipse-temurin:17-jre-jammy';

/** What `node:24-bookworm-slim` has that ours needs. */
const NODE_IMAGE = [
  `FROM ${DEBIAN}`,
  'COPY --from=node node /usr/local/bin/node',
  'COPY --from=npm . /usr/local/lib/node_modules/npm',
  'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && useradd -u 1000 -U -m node',
  // Behind a package mirror with a certificate of its own.
  'COPY --from=certificates ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
  'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
  'CMD ["node"]',
];

export async function makeImages(engine: DockerEngine): Promise<void> {
  await engine.import(['cat', engine.rootfs], DEBIAN, ['ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']);
  const npm = dirname(dirname(program('npm'))); // …/npm/bin/npm-cli.js
  await build(engine, 'node:24-bookworm-slim', NODE_IMAGE, {
    node: dirname(process.execPath),
    npm,
    certificates: '/etc/ssl/certs',
  });
  const home = dirname(dirname(program('java')));
  // In its own place, because Debian's JDK links its configuration from there to /etc.
  const configuration = dirname(realpathSync(join(home, 'conf/logging.properties')));
  await build(
    engine,
    JAVA,
    [
      `FROM ${DEBIAN}`,
      `COPY --from=jdk bin ${home}/bin`,
      `COPY --from=jdk lib ${home}/lib`,
      `COPY --from=jdk conf ${home}/conf`,
      `COPY --from=configuration . ${configuration}`,
      'COPY --from=certificates . /etc/ssl/certs/java',
      `ENV JAVA_HOME=${home} PATH=${home}/bin:$PATH`,
    ],
    { jdk: home, configuration, certificates: dirname(realpathSync(join(home, 'lib/security/cacerts'))) },
  );
  await makeMaven(engine);
  const [nacos, consul, envoy, istiod] = await Promise.all([
    provide('nacos2'),
    provide('consul'),
    provide('envoy'),
    provide('istiod'),
  ]);
  await build(
    engine,
    'nacos/nacos-server:v2.3.2',
    [
      `FROM ${JAVA}`,
      'COPY --from=server . /server',
      'COPY application.properties /server/conf/application.properties',
      // As the official image: no loopback only, standalone by its environment.
      `ENTRYPOINT ["sh", "-c", "exec java -Xmx256m -Dnacos.standalone=true -Dnacos.home=/home/nacos -Dnacos.core.sys.basic.processors=1 -cp /server/conf:/server/classes:$(sed 's#lib/#/server/lib/#g' /server/classpath) com.alibaba.nacos.Nacos"]`,
      'EXPOSE 8848 9848',
    ],
    { server: nacos.home },
    { 'application.properties': NACOS_PROPERTIES },
  );
  await build(
    engine,
    `hashicorp/consul:${servers.consul.version}`,
    [`FROM ${DEBIAN}`, 'COPY --from=server bin/consul /bin/consul', 'ENTRYPOINT ["consul"]'],
    { server: consul.home },
  );
  await build(
    engine,
    `envoyproxy/envoy:v${servers.envoy.version}`,
    [`FROM ${DEBIAN}`, 'COPY --from=server envoy/_bin/envoy /usr/local/bin/envoy'],
    { server: envoy.home },
  );
  const { recipe } = servers.istiod;
  if (recipe.kind !== 'go') throw new Error('istiod is not built by Go');
  await build(
    engine,
    `istio/pilot:${servers.istiod.version}`,
    [
      `FROM ${DEBIAN}`,
      `COPY --from=server ${recipe.program} /usr/local/bin/pilot-discovery`,
      'USER 1337:1337',
      'ENTRYPOINT ["/usr/local/bin/pilot-discovery"]',
    ],
    { server: istiod.home },
  );
}

/** Debian's Maven consists of links into /usr/share/java and /etc. */
async function makeMaven(engine: DockerEngine): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-maven-'));
  try {
    await cp(dirname(dirname(program('mvn'))), dir, { recursive: true, dereference: true });
    await build(
      engine,
      'maven:3.9-eclipse-temurin-17',
      [`FROM ${JAVA}`, 'COPY --from=maven . /usr/share/maven', 'RUN ln -s /usr/share/maven/bin/mvn /usr/local/bin/mvn'],
      { maven: dir },
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The file behind a program on PATH. */
function program(name: string): string {
  return realpathSync(execFileSync('which', [name], { encoding: 'utf8' }).trim());
}

/** What the official image's environment variables come to. */
const NACOS_PROPERTIES = `server.port=8848
server.servlet.contextPath=/nacos
nacos.core.auth.enabled=false
nacos.core.auth.system.type=nacos
nacos.core.auth.server.identity.key=isthmus
nacos.core.auth.server.identity.value=test
nacos.core.auth.plugin.nacos.token.secret.key=YSBrZXkgZm9yIHNlcnZlcnMgdGhhdCBvbmx5IHRlc3RzIHN0YXJ0
spring.sql.init.mode=never
spring.autoconfigure.exclude=org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration,org.springframework.boot.autoconfigure.jdbc.DataSourceTransactionManagerAutoConfiguration,org.springframework.boot.autoconfigure.ldap.LdapAutoConfiguration
`;

async function build(
  engine: DockerEngine,
  tag: string,
  dockerfile: readonly string[],
  contexts: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-image-'));
  try {
    await writeFile(join(dir, 'Dockerfile'), `${dockerfile.join('\n')}\n`);
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
    const named = Object.entries(contexts).flatMap(([name, path]) => ['--build-context', `${name}=${path}`]);
    await engine.docker(['buildx', 'build', '--load', '-t', tag, ...named, dir], { timeoutMs: 300_000 });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
