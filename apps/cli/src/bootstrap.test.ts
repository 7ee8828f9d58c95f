import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { parseAddress } from './bootstrap.ts';
import { fakeControl } from './testing/fake-control.ts';
import type { FakeAnswer } from './testing/fake-control.ts';
import { runCli } from './testing/run-cli.ts';

const NODE = 'sidecar~127.0.0.1~web.default~default.svc.cluster.local';
const update = process.env['UPDATE_GOLDENS'] === '1';

describe('the bootstrap for Envoy', () => {
  test.each([
    ['delta', `--node ${NODE} --xds 127.0.0.1:15012`],
    ['sotw', `--node web --xds 127.0.0.1:15012 --sotw --egress 15104 --admin 127.0.0.1:15100 --metrics 127.0.0.1:15190`],
    [
      'tls',
      `--node ${NODE} --xds bridge.example.org:15012 --egress 0.0.0.0:15004 --xds-ca /certs/ca.pem --xds-cert /certs/tls.crt --xds-key /certs/tls.key`,
    ],
    [
      'redirect',
      '--node sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local --xds 127.0.0.1:15012 --interception REDIRECT --label app=web --label version=v1 --locality eu/eu-1 --cluster-id east --network n1',
    ],
    ['none', `--node ${NODE} --xds 127.0.0.1:15012 --interception NONE`],
    ['router', '--node router~10.0.0.8~edge-1.edge~edge.svc.cluster.local --xds 127.0.0.1:15012 --label istio=ingressgateway'],
    ['workload-group', '--node sidecar~10.0.0.7~vm-1.shop~shop.svc.cluster.local --xds 127.0.0.1:15012 --workload-group vm'],
    ['tls-ip', `--node ${NODE} --xds [fd00::1]:15012 --xds-ca /certs/ca.pem`],
  ])('%s is what its golden says', async (name, line) => {
    const { code, stdout, stderr } = await runCli(['proxy', 'bootstrap', ...line.split(' ')]);
    expect([code, stderr]).toEqual([0, '']);
    const golden = join(import.meta.dirname, `testdata/bootstrap/${name}.yaml`);
    if (update) writeFileSync(golden, stdout);
    expect(stdout).toBe(readFileSync(golden, 'utf8'));
  });

  test.each([
    ['grpc', '--label app=web --locality eu/eu-1 --xds 127.0.0.1:15012'],
    ['grpc-tls', '--xds bridge.example.org:15012 --xds-ca /certs/ca.pem --xds-cert /certs/tls.crt --xds-key /certs/tls.key'],
  ])('for gRPC it is JSON: %s', async (name, line) => {
    const { code, stdout, stderr } = await runCli(['proxy', 'bootstrap', '--grpc', '--node', NODE, ...line.split(' ')]);
    expect([code, stderr]).toEqual([0, '']);
    const golden = join(import.meta.dirname, `testdata/bootstrap/${name}.json`);
    if (update) writeFileSync(golden, stdout);
    expect(stdout).toBe(readFileSync(golden, 'utf8'));
  });

  test('holds the token that Envoy has to send, and sends none beyond loopback without TLS', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'isthmus-bootstrap-'));
    await writeFile(join(cwd, 'token'), 'sesame\n');
    const args = (xds: string) => ['proxy', 'bootstrap', '--node', 'a', '--xds', xds, '--xds-token-file', 'token'];
    const local = await runCli(args('127.0.0.1:15012'), { cwd });
    const far = await runCli(args('bridge.example.org:15012'), { cwd });
    await rm(cwd, { recursive: true });
    const initial_metadata = [{ key: 'authorization', value: 'Bearer sesame' }];
    expect(parse(local.stdout)).toMatchObject({ dynamic_resources: { ads_config: { grpc_services: [{ initial_metadata }] } } });
    expect([far.code, far.stdout, far.stderr]).toEqual([2, '', expect.stringMatching(/without TLS/)]);
  });

  test('takes from ProxyConfigs what a bootstrap or a command line can say, and tells the rest', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'isthmus-bootstrap-'));
    const config = (namespace: string, spec: string) =>
      `apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: { name: a, namespace: ${namespace} }\nspec: ${spec}\n`;
    await mkdir(join(cwd, 'istio.d'));
    await writeFile(join(cwd, 'istio.d/root.yaml'), config('istio-system', '{ concurrency: 4, image: { imageType: debug } }'));
    const own = '{ concurrency: 3, environmentVariables: { ISTIO_META_ZONE_HINT: b, ISTIO_META_NAMESPACE: x, OTHER: y } }';
    await writeFile(join(cwd, 'istio.d/own.yaml'), config('shop', own));
    const args = ['--node', 'sidecar~10.0.0.7~a.shop~shop.svc.cluster.local', '--xds', '127.0.0.1:15012'];
    const run = (path: string) => runCli(['proxy', 'bootstrap', ...args, '--rules', path], { cwd });
    const [all, rootOnly, missing] = [await run('istio.d'), await run('istio.d/root.yaml'), await run('nothing')];
    await rm(cwd, { recursive: true });
    expect(all.stdout).toContain('#   envoy -c FILE --concurrency 3\n');
    expect(parse(all.stdout)).toMatchObject({ node: { metadata: { ZONE_HINT: 'b', NAMESPACE: 'shop' } } });
    expect(all.stderr).toBe(
      'warning: environmentVariables of a ProxyConfig: OTHER mean something to istio-agent, and nothing to Envoy\n' +
        'warning: image of a ProxyConfig is "debug": which Envoy runs is yours to choose\n',
    );
    expect(rootOnly.stdout).toContain('#   envoy -c FILE --concurrency 4\n');
    expect([missing.code, missing.stdout]).toEqual([2, '']);
  });

  test('says of a file that is no YAML that it may have had some', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'isthmus-bootstrap-'));
    await writeFile(join(cwd, 'rules.yaml'), 'apiVersion: networking.istio.io/v1beta1\nkind: [');
    const { code, stderr } = await runCli(
      ['proxy', 'bootstrap', '--node', NODE, '--xds', '127.0.0.1:15012', '--rules', 'rules.yaml'],
      {
        cwd,
      },
    );
    await rm(cwd, { recursive: true });
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^warning: rules\.yaml:2:\d+: .*nothing of it is in force/)]);
  });

  describe('asks a bridge which ProxyConfigs are in force', () => {
    const ask = async (answer: FakeAnswer, ...more: readonly string[]) => {
      await using bridge = await fakeControl({ [`GET /api/v1/proxies/settings?${QUERY}`]: answer });
      const where = ['--node', 'sidecar~10.0.0.7~a.shop~shop.svc.cluster.local', '--label', 'app=web', '--label', 'v=a&b'];
      return await runCli([
        ...['proxy', 'bootstrap', '--xds', '127.0.0.1:15012', ...where],
        ...['--ask-bridge', '--control', bridge.url, ...more],
      ]);
    };
    const QUERY = 'namespace=shop&label=app%3Dweb&label=v%3Da%26b';

    test('of the namespace and the labels of the workload, and tells what is wrong with them', async () => {
      const diagnostic = {
        ...{ code: 'istio.unreadable', severity: 'error', where: 'k8s proxyconfigs.networking.istio.io' },
        ...{ what: 'cannot be read: forbidden', meaning: 'what was read before stays in force', remedy: 'give the right' },
      };
      const environmentVariables = { ISTIO_META_ZONE_HINT: 'b', OTHER: 'y' };
      const said = await ask({
        body: { concurrency: 3, environmentVariables, imageType: 'debug', diagnostics: [diagnostic] },
      });
      expect(said.code).toBe(0);
      expect(said.stdout).toContain('#   envoy -c FILE --concurrency 3\n');
      expect(parse(said.stdout)).toMatchObject({ node: { metadata: { ZONE_HINT: 'b' } } });
      expect(said.stderr.split('\n')).toEqual([
        expect.stringMatching(/^warning: k8s proxyconfigs.*forbidden; what was read before stays in force/),
        expect.stringContaining('OTHER'),
        expect.stringContaining('"debug"'),
        '',
      ]);
    });

    test('and prints none when it has not read them yet, or is not there', async () => {
      const problem = { type: 'about:blank', title: 'Rules not read yet', status: 503, detail: 'wait', remedy: 'ask again' };
      const early = await ask({ status: 503, type: 'application/problem+json', body: problem });
      expect([early.code, early.stdout, early.stderr]).toEqual([1, '', expect.stringContaining('Rules not read yet: wait')]);
      const gone = await ask({ body: {} }, '--control', 'http://127.0.0.1:1');
      expect([gone.code, gone.stdout]).toEqual([3, '']);
    });

    test('only when told to', async () => {
      const { code, stderr } = await runCli(['proxy', 'bootstrap', '--node', NODE, '--xds', '127.0.0.1:15012'], {
        env: { ISTHMUS_CONTROL: 'http://127.0.0.1:1' },
      });
      expect([code, stderr]).toEqual([0, '']);
    });
  });

  test.each([
    ['a router with an egress port', '--node router~10.0.0.8~e.e~e.svc.cluster.local --egress 15004', 'Gateways'],
    ['iptables without the IP of the workload', '--node web --interception TPROXY', "the workload's own IP"],
    ['a group without the IP of the workload', '--node web --workload-group vm', "the workload's own IP"],
    ['a group that is no name', '--node web --workload-group VM', 'name of a WorkloadGroup'],
    ['an interception for gRPC', '--grpc --node web --interception NONE', 'no proxy'],
    ['a token for gRPC', '--grpc --node web --xds-token-file token', 'no place for a token'],
    ['a label without a value', '--node web --label app', 'NAME=VALUE'],
    ['files and a bridge', '--node web --rules istio.d --ask-bridge', 'choose one of --rules and --ask-bridge'],
    ['a root namespace for a bridge', '--node web --ask-bridge --root-namespace a', "the bridge's own"],
    ['a bridge that is not asked', '--node web --control http://127.0.0.1:1', 'are for --ask-bridge'],
    ['a locality of four parts', '--node web --locality a/b/c/d', 'REGION/ZONE/SUBZONE'],
    ['an interception that is none', '--node web --interception EBPF', 'REDIRECT, TPROXY, NONE'],
  ])('refuses %s', async (_, line, reason) => {
    const { code, stdout, stderr } = await runCli(['proxy', 'bootstrap', '--xds', '127.0.0.1:15012', ...line.split(' ')]);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(reason)]);
  });

  test('keeps a node id that looks like something else in YAML', async () => {
    const { stdout } = await runCli(['proxy', 'bootstrap', '--node', '~', '--xds', '127.0.0.1:15012']);
    expect(parse(stdout)).toMatchObject({ node: { id: '~' } });
  });

  test.each(['127.0.0.1', ':1', '127.0.0.1:0', '127.0.0.1:65536', '[127.0.0.1]:1', '::1:80', 'a b:1', 'http://a:1'])(
    '"%s" is no address',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});
