import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { InboundCalls } from './inbound-calls.ts';

const call = (address: string, rawHeaders: readonly string[] = [], url = '/'): IncomingMessage =>
  ({ rawHeaders, url, socket: { remoteAddress: address } }) as unknown as IncomingMessage;

test('calls without a mark of Envoy came past the mesh, and who made them is known', () => {
  const calls = new InboundCalls();
  calls.count(call('10.0.0.1', ['Host', 'orders', 'x-envoy-attempt-count', '1']));
  calls.count(call('10.0.0.2', ['X-Forwarded-Client-Cert', 'By=spiffe://a']));
  calls.count(call('::ffff:10.0.0.3', ['Host', 'orders', 'X-Request-Id', 'passed on by an application']));
  calls.count(call('10.0.0.4', ['x-envoy-max-retries', 'which a caller asks for']));
  calls.count(call('::ffff:10.0.0.3'));
  expect(calls.take()).toEqual({
    inbound: 5,
    unmarked: 3,
    peers: [
      { address: '10.0.0.3', calls: 2 },
      { address: '10.0.0.4', calls: 1 },
    ],
  });
  expect(calls.take()).toEqual({ inbound: 0, unmarked: 0, peers: [] });
});

test('proxies that do not mark their calls are known by their addresses, Istio’s own by itself', () => {
  const calls = new InboundCalls({ proxies: ['10.0.0.9'] });
  for (const address of ['127.0.0.6', '10.0.0.9', '::ffff:10.0.0.9']) calls.count(call(address));
  expect(calls.take()).toEqual({ inbound: 3, unmarked: 0, peers: [] });
});

test('probes are no calls', () => {
  const calls = new InboundCalls({ probePaths: ['/health'] });
  calls.count(call('10.0.0.1', ['User-Agent', 'kube-probe/1.36']));
  calls.count(call('10.0.0.1', ['user-agent', 'Consul Health Check']));
  calls.count(call('10.0.0.1', [], '/health'));
  calls.count(call('10.0.0.1', [], '/health?deep=1'));
  calls.count(call('10.0.0.1', [], '/healthy-food'));
  expect(calls.take()).toMatchObject({ inbound: 1, unmarked: 1 });
});

test('the busiest twenty are told of many peers, and memory does not grow with them', () => {
  const calls = new InboundCalls();
  for (let peer = 0; peer < 5_000; peer += 1) calls.count(call(`peer-${peer}`));
  for (let peer = 0; peer < 30; peer += 1) for (let times = 0; times <= peer; times += 1) calls.count(call(`peer-${peer}`));
  const { inbound, unmarked, peers } = calls.take();
  expect([inbound, unmarked, peers.length]).toEqual([5_465, 5_465, 20]);
  expect(peers[0]).toEqual({ address: 'peer-29', calls: 31 });
});

test('what was told to nobody is told again', () => {
  const calls = new InboundCalls();
  calls.count(call('10.0.0.1'));
  calls.take();
  calls.count(call('10.0.0.1'));
  calls.putBack();
  calls.putBack();
  expect(calls.take()).toEqual({ inbound: 2, unmarked: 2, peers: [{ address: '10.0.0.1', calls: 2 }] });
});
