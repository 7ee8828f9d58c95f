// docker-compose.yml as users run it, and the Pod of deploy/kustomize as a kubelet would run it, on one real Docker engine: a machine has one.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DockerEngine } from '@isthmus/servers';
import { makeImages } from './support/compose-images.ts';
import { startCli } from './support/cli.ts';
import { manifestPodSuite } from './support/manifest-pod-suite.ts';

const ROOT = join(import.meta.dirname, '../..');
const MINUTES = 60_000;

interface Hop {
  readonly service: string;
  readonly instance?: string;
  readonly unavailable?: string;
  readonly calls?: readonly Hop[];
}
interface Checkout {
  readonly sdk: Hop;
  readonly mesh: Hop;
}

let engine: DockerEngine;
let dir: string;

const compose = (...args: readonly string[]) =>
  engine.docker(['compose', '-f', join(ROOT, 'docker-compose.yml'), '-f', join(dir, 'here.yaml'), ...args], {
    cwd: ROOT,
    // Where this machine's npm packages come from, as a user behind a mirror would say it.
    env: { NPMRC: existsSync(join(homedir(), '.npmrc')) ? join(homedir(), '.npmrc') : '/dev/null' },
    timeoutMs: 10 * MINUTES,
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-compose-'));
  engine = await DockerEngine.start();
  await makeImages(engine);
  await writeFile(join(dir, 'here.yaml'), HERE);
  await compose('build', 'adapter', 'web-1', 'eureka');
}, 25 * MINUTES);

afterAll(async () => {
  await engine?.stop();
  await rm(dir, { recursive: true, force: true });
}, 3 * MINUTES);

describe("the Pod of the kustomize base, run as it says with its own account's rights", () => {
  manifestPodSuite(() => engine);
});

describe('docker compose up', () => {
  const port = async (service: string, inside: number) =>
    Number((await compose('port', service, String(inside))).trim().split(':').at(-1));

  beforeAll(async () => {
    await compose('up', '-d', '--wait', '--wait-timeout', '300').catch(async (error: unknown) => {
      const said = await compose('logs', '--no-color', '--tail', '40').catch(() => '');
      throw new Error(`${String(error)}\n${said}`, { cause: error });
    });
  }, 10 * MINUTES);

  afterAll(() => compose('--profile', 'istiod', 'down', '-v', '--timeout', '5').catch(() => undefined), 3 * MINUTES);

  const checkout = async (): Promise<Checkout | undefined> => {
    const response = await fetch(`http://127.0.0.1:${await port('web-1', 8080)}/checkout`).catch(() => undefined);
    return response?.ok === true ? ((await response.json()) as Checkout) : undefined;
  };
  const complete = (hop: Hop): boolean => hop.unavailable === undefined && (hop.calls ?? []).every(complete);

  test(
    'a purchase goes through by SDK and by Envoy, over two registries and back',
    async () => {
      let answer: Checkout | undefined;
      await until(
        'a complete purchase by both ways',
        async () => {
          answer = await checkout();
          return answer !== undefined && complete(answer.sdk) && complete(answer.mesh);
        },
        2 * MINUTES,
      );
      if (answer === undefined) throw new Error('no answer');
      const services = (hops: readonly Hop[] = []) => hops.map(({ service }) => service).sort();
      expect([answer.sdk.service, answer.mesh.service]).toEqual(['orders', 'orders']);
      expect(services(answer.mesh.calls)).toEqual(['inventory', 'payments']);
      // By SDK payments is asked twice: its quote goes over Nest's TCP transport.
      expect(services(answer.sdk.calls)).toEqual(['inventory', 'payments', 'payments']);
    },
    3 * MINUTES,
  );

  test('the bridge in its image is not root, has a read-only root, no capabilities, and is small', async () => {
    const id = (await compose('ps', '-q', 'adapter')).trim();
    const [inspected] = JSON.parse(await engine.docker(['inspect', id])) as [
      { Config: { User: string }; HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[]; SecurityOpt: string[] } },
    ];
    expect(inspected.Config.User).toBe('1000:1000');
    expect(inspected.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
    });
    await expect(compose('exec', '-T', 'adapter', 'node', '-e', "fs.writeFileSync('/x', '')")).rejects.toThrow('EROFS');
    const bytes = async (image: string) => Number(await engine.docker(['image', 'inspect', '-f', '{{.Size}}', image]));
    const own = (await bytes('isthmus:0.1.0')) - (await bytes('node:24-bookworm-slim'));
    process.stdout.write(`the bridge adds ${Math.round(own / 2 ** 20)} MB to its base image\n`);
    expect(own).toBeLessThan(200 * 2 ** 20);
  });

  test('the CLI on the host asks the xds role about what the adapter read', async () => {
    const control = `http://127.0.0.1:${await port('xds', 15080)}`;
    const { code, stdout, stderr } = await startCli(['explain', 'orders', '--control', control], { cwd: dir }).ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('orders.default-group.public.nacos');
  });

  test(
    'an adapter that is killed costs no call through Envoy, and comes back',
    async () => {
      const id = (await compose('ps', '-q', 'adapter')).trim();
      await engine.docker(['kill', id]);
      for (let n = 0; n < 20; n += 1) {
        const seen = await checkout();
        expect(seen?.mesh.unavailable).toBeUndefined();
      }
      await compose('up', '-d', '--wait', 'adapter');
      expect((await compose('ps', '--format', '{{.Health}}', 'adapter')).trim()).toBe('healthy');
    },
    3 * MINUTES,
  );

  test(
    'istiod of the profile has from the adapter what all three registries say',
    async () => {
      await compose('--profile', 'istiod', 'up', '-d', 'istiod');
      let text = '';
      const hosts = ['orders.default-group.public.nacos', 'inventory.dc1.consul', 'payments.eureka'];
      const isComplete = async (): Promise<boolean> => {
        text = await compose('exec', '-T', 'istiod', 'curl', '-s', '127.0.0.1:8080/debug/configz').catch(String);
        return hosts.every((host) => text.includes(`"${host}"`));
      };
      await until('istiod knows them', isComplete, 2 * MINUTES).catch(async (error: unknown) => {
        const said = await compose('--profile', 'istiod', 'logs', '--no-color', '--tail', '40', 'istiod');
        throw new Error(`${String(error)}\n${text.slice(0, 2_000)}\n${said}`, { cause: error });
      });
    },
    4 * MINUTES,
  );
});

/** Any free ports of this machine, and the host's network while npm packages are fetched. */
const HERE = `services:
  nacos: { ports: !reset [] }
  consul: { ports: !reset [] }
  eureka: { ports: !reset [], build: { network: host } }
  istiod: { ports: !override ['127.0.0.1::15014'] }
  envoy: { ports: !override ['127.0.0.1::15000'] }
  xds: { ports: !override ['127.0.0.1::15080'] }
  monolith-1: { ports: !override ['127.0.0.1::8080'] }
  web-1: { ports: !override ['127.0.0.1::8080'], build: { network: host } }
  adapter: { build: { network: host } }
`;
