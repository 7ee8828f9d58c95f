import http from 'node:http';
import { expect, test } from '@jest/globals';
import { usesProxy } from './agent-proxy.ts';

const agentBy = (proxyEnv?: Readonly<Record<string, string>>): http.Agent =>
  new http.Agent(proxyEnv === undefined ? {} : ({ proxyEnv } as http.AgentOptions));

test('an agent without a proxy, or whose environment names none, uses none', () => {
  expect(usesProxy(agentBy(), '10.0.0.1', 80)).toBe(false);
  expect(usesProxy(agentBy({ HTTPS_PROXY: 'http://127.0.0.1:9' }), '10.0.0.1', 80)).toBe(false);
});

test("Node's own agent uses the proxy of its environment, but for the hosts that are left out", () => {
  const agent = agentBy({ HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: '10.0.0.1' });
  expect(usesProxy(agent, '10.0.0.2', 80)).toBe(true);
  expect(usesProxy(agent, '10.0.0.1', 80)).toBe(false);
});

test('an npm proxy agent uses it for all', () => {
  expect(usesProxy(Object.assign(new http.Agent(), { proxy: new URL('http://127.0.0.1:9') }), '10.0.0.1', 80)).toBe(true);
});
