import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { askSources } from '../control/report-sources.ts';
import { Diagnostics } from '../diagnostics.ts';
import { createProvider, followProcess } from './process-provider.ts';
import { processRegistrations } from './registration-book.ts';

const diagnostics = new Diagnostics({ emit: () => undefined, now: () => 0 });

test('the control plane is told of calls that come in and whether the process is registered, and again of what did not arrive', async () => {
  const server = http.createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const call = (headers: http.OutgoingHttpHeaders): Promise<void> =>
    new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const request = http.get({ host: '127.0.0.1', port, headers, agent: false }, (response) => {
        response.resume().on('end', resolve);
      });
      request.on('error', reject);
    });
  const report = () => askSources((source) => source.provider?.());
  const end = followProcess({ counts: true }, diagnostics);
  try {
    await call({});
    await call({ 'x-envoy-attempt-count': '1' });
    const counted = { inbound: 2, unmarked: 1, peers: [{ address: '127.0.0.1', calls: 1 }] };
    expect(report()).toEqual([{ ...counted, registration: 'none', registrations: [] }]);
    askSources((source) => source.lost?.());
    const gone = async (): Promise<void> => processRegistrations().remove('orders');
    processRegistrations().add({
      id: 'orders',
      sdkName: 'nacos///orders',
      register: async () => undefined,
      deregister: gone,
      propagationMs: 0,
    });
    expect(report()).toEqual([
      { ...counted, registration: 'registered', registrations: [{ sdkName: 'nacos///orders', state: 'registered' }] },
    ]);
    await createProvider({ servers: [server] }).shutdown();
    expect(server.listening).toBe(false);
    expect(report()).toEqual([{ inbound: 0, unmarked: 0, peers: [], registration: 'left', registrations: [] }]);
  } finally {
    end.close();
    server.close();
  }
  expect(report()).toEqual([]);
});
