import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ServiceEntry_Resolution } from '@isthmus/proto/istio';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { FakeMcp } from './testing/fake-mcp.ts';
import { ID, SERVICES, openMcp } from './testing/harness.ts';
import { serviceEntry } from './testing/mcp-resource.ts';
import type { Spec } from './testing/mcp-resource.ts';

const SCOPE = { source: ID, namespace: '', group: '' };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function watch(port: number): Collector {
  const view = collect(openMcp([`127.0.0.1:${port}`], {}));
  closing.push(async () => {
    await view.stop();
    expect(view.violations).toEqual([]);
  });
  return view;
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

const spec = (host: string, endpoints: NonNullable<Spec['endpoints']>, number = 80): Spec => ({
  hosts: [host],
  ports: [{ number, name: 'http', protocol: 'HTTP' }],
  resolution: ServiceEntry_Resolution.STATIC,
  endpoints,
});

/** What decodes and yet makes no sense; what does not decode is in source.test.ts. */
describe('an endpoint that makes no sense costs itself, and is named', () => {
  test.each<[string, object, string, number]>([
    ['0.0.0.0', { address: '0.0.0.0' }, 'address.invalid', 1],
    ['256 in its address', { address: '10.0.0.256' }, 'address.invalid', 1],
    ['no address', { address: '' }, 'address.invalid', 1],
    ['port 70000', { address: '10.0.0.2', ports: { http: 70_000 } }, 'port.invalid', 1],
    ['the address of another one', { address: '10.0.0.1' }, 'endpoint.duplicate', 1],
    ['a label of control characters', { address: '10.0.0.2', labels: { bell: '\u0007' } }, 'metadata.invalid', 2],
    ['100 kB of one label', { address: '10.0.0.2', labels: { big: 'x'.repeat(100_000) } }, 'metadata.too-large', 2],
  ])('%s', async (_name, bad, code, left) => {
    const fake = new FakeMcp();
    await fake.listen();
    closing.push(() => fake.close());
    fake.put(SERVICES, serviceEntry('shop/a', spec('a.mesh', [{ address: '10.0.0.1' }, bad])));
    fake.put(SERVICES, serviceEntry('shop/b', spec('b.mesh', [{ address: '10.0.0.9' }])));
    const view = watch(fake.port);
    await view.until('live', (v) => v.status(SCOPE)?.state === 'live');
    expect(view.endpoints('a.mesh')).toHaveLength(left);
    const [a] = [...view.services.values()].filter(({ host }) => host === 'a.mesh');
    expect(a?.diagnostics.map((d) => d.code)).toContain(code);
    expect(view.endpoints('b.mesh')).toHaveLength(1);
  });
});

describe('a server that is none', () => {
  const stale = async (port: number): Promise<string> => {
    const view = watch(port);
    await view.until('stale', (v) => v.status(SCOPE)?.state === 'stale');
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
    const status = view.status(SCOPE);
    return status !== undefined && 'cause' in status ? status.cause : '';
  };

  test('but a login page by HTTP/1.1 is stale, and never empty', async () => {
    const page = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<html>Log in</html>'));
    expect(await stale(await listening(page))).not.toBe('');
  });

  test.each([
    ['hangs up at once', (socket: { destroy(): unknown }) => socket.destroy()],
    ['answers garbage', (socket: { end(bytes: Buffer): unknown }) => socket.end(Buffer.alloc(4_096, 0xff))],
  ])('but %s is stale, and never empty', async (_how, answer) => {
    const server = createTcp((socket) => {
      socket.resume().on('error', () => undefined);
      answer(socket);
    });
    expect(await stale(await listening(server))).not.toBe('');
  });
});
