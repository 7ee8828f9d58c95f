import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { NacosConnection } from './connection.ts';
import type { Json } from './json-body.ts';
import { NacosRefusal } from './errors.ts';
import { serviceInfoOf } from './normalize.ts';
import { decodePayload, encodePayload } from './payload.ts';
import { FakeNacos } from './testing/fake-nacos.ts';
import { defaultTiming } from './timing.ts';

interface Recorded {
  readonly step: string;
  readonly direction: string;
  readonly type: string;
  readonly body: Record<string, unknown>;
}

function recorded(generation: 2 | 3): readonly Recorded[] {
  return JSON.parse(readFileSync(new URL(`./testdata/wire/nacos${generation}-grpc.json`, import.meta.url), 'utf8')) as Recorded[];
}

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function connect(generation: 2 | 3) {
  const fake = await FakeNacos.start({ generation });
  open.push(() => fake.down());
  const pushes: { readonly type: string; readonly body: Json }[] = [];
  const connection = await NacosConnection.open(
    {
      address: fake.grpcAddress,
      token: () => undefined,
      namespace: 'public',
      timing: defaultTiming,
      onPush: (type, body) => pushes.push({ type, body }),
    },
    new AbortController().signal,
  );
  open.unshift(async () => connection.close());
  return { fake, connection, pushes };
}

/** Names of fields, down into objects and the first entry of lists; values do not count. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  const entries = Object.entries(value).filter(([key]) => key !== 'metadata' && key !== 'instanceIdGenerator');
  return Object.fromEntries(entries.map(([key, inner]) => [key, shape(inner)]).sort());
}

describe.each([2, 3] as const)('the recorded wire of Nacos %i', (generation) => {
  test('passes the codec unchanged', () => {
    for (const { type, body } of recorded(generation)) {
      const json = JSON.stringify(body);
      const decoded = decodePayload(encodePayload({ type, headers: {}, body: Buffer.from(json) }));
      expect([decoded.type, Buffer.from(decoded.body).toString()]).toEqual([type, json]);
    }
  });

  test('has a ServiceInfo in every answer and push that should have one', () => {
    const withInfo = recorded(generation).filter(({ body }) => 'serviceInfo' in body);
    expect(withInfo.length).toBeGreaterThan(10);
    for (const { body } of withInfo) expect(serviceInfoOf(body['serviceInfo'])).toBeDefined();
  });

  test('is what the scripted wire answers, field for field', async () => {
    const { fake, connection, pushes } = await connect(generation);
    const at = { namespace: 'public', groupName: 'DEFAULT_GROUP', serviceName: 'orders' };
    fake.set({ namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' }, [{ ip: '10.0.0.1', port: 8080 }]);
    const answers = {
      ServiceQueryRequest: await connection.request('ServiceQueryRequest', at),
      SubscribeServiceRequest: await connection.request('SubscribeServiceRequest', { ...at, subscribe: true }),
      ServiceListRequest: await connection.request('ServiceListRequest', { ...at, pageNo: 1, pageSize: 10 }),
      HealthCheckRequest: await connection.request('HealthCheckRequest', {}),
    };
    const real = (type: string, step: RegExp) =>
      recorded(generation).find((entry) => entry.type === type && step.test(entry.step))?.body;
    expect(shape(answers.ServiceQueryRequest)).toEqual(shape(real('QueryServiceResponse', /^query$/)));
    expect(shape(answers.SubscribeServiceRequest)).toEqual(shape(real('SubscribeServiceResponse', /provider connection lost/)));
    expect(shape(answers.ServiceListRequest)).toEqual(shape(real('ServiceListResponse', /^service list$/)));
    expect(shape(answers.HealthCheckRequest)).toEqual(shape(real('HealthCheckResponse', /health check/)));

    fake.set({ namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' }, [{ ip: '10.0.0.2', port: 8080 }]);
    const end = Date.now() + 5_000;
    while (pushes.length === 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(shape(pushes[0]?.body)).toEqual(shape(real('NotifySubscriberRequest', /change weight/)));
    expect(connection.hasFuzzyWatch).toBe(generation === 3);
  });

  test('refuses as the scripted wire does', async () => {
    const { connection } = await connect(generation);
    const refused = connection.request('NoSuchRequest', {});
    await expect(refused).rejects.toBeInstanceOf(NacosRefusal);
    await expect(refused).rejects.toMatchObject({ nacosCode: 302 });
    const real = recorded(generation).find(({ step, type }) => step === 'unknown request type' && type === 'ErrorResponse');
    expect(real?.body).toMatchObject({ errorCode: 302, success: false });
  });
});
