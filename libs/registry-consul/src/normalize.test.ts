import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { decodeService } from './decode.ts';
import { changedMarks, marksOf, normalizeService, serviceNames } from './normalize.ts';

const testdata = join(import.meta.dirname, 'testdata');
const key = { source: 'hq' as never, namespace: 'dc1', group: '', name: 'order-service' };
const rules = { passingOnly: true };

/** One entry of a health answer; parts can be replaced. */
function entry(service: object = {}, checks: readonly object[] = [], node: object = {}): object {
  return {
    Node: { Node: 'n1', Address: '10.0.0.9', Datacenter: 'dc1', ...node },
    Service: {
      ID: 'a',
      Service: 'order-service',
      Address: '10.0.0.1',
      Port: 8080,
      Weights: { Passing: 1, Warning: 1 },
      ...service,
    },
    Checks: checks,
  };
}

function recordOf(answer: unknown, given = rules) {
  const normalized = normalizeService(key, answer, given);
  if (normalized.kind !== 'record') throw new Error(`no record but ${normalized.kind}`);
  return normalized.record;
}

describe('answers of real SDK clients', () => {
  for (const file of readdirSync(join(testdata, 'in')).filter((name) => name.endsWith('.json'))) {
    test(`${file} gives the record in out/`, () => {
      const body = readFileSync(join(testdata, 'in', file));
      const reading = decodeService(key, body, 'application/json', rules);
      const expected: unknown = JSON.parse(readFileSync(join(testdata, 'out', file), 'utf8'));
      expect(reading.kind === 'record' ? reading.record : reading).toEqual(expected);
    });
  }
});

describe('health', () => {
  const health = (checks: readonly object[], given = rules) =>
    recordOf([entry({ Weights: { Passing: 5, Warning: 2 } }, checks)], given).endpoints[0];

  test('no checks at all means healthy, as for Consul itself', () => {
    expect(health([])).toMatchObject({ health: 'healthy', weight: 5 });
  });

  test('consul-k8s#4206 #4207 #29: the worst check counts, the node’s included', () => {
    expect(
      health([
        { CheckID: 'serfHealth', Status: 'critical' },
        { CheckID: 'service:a', Status: 'passing' },
      ])?.health,
    ).toBe('unhealthy');
  });

  test('warning takes the instance out, or gives it Weights.Warning with passingOnly: false', () => {
    const warning = [{ CheckID: 'service:a', Status: 'warning' }];
    expect(health(warning)).toMatchObject({ health: 'unhealthy', weight: 5 });
    expect(health(warning, { passingOnly: false })).toMatchObject({ health: 'healthy', weight: 2 });
  });

  test('maintenance of the service or its node is disabled, whatever the other checks say', () => {
    expect(
      health([
        { CheckID: 'service:a', Status: 'critical' },
        { CheckID: '_service_maintenance:a', Status: 'critical' },
      ])?.health,
    ).toBe('disabled');
    expect(health([{ CheckID: '_node_maintenance', Status: 'critical' }])?.health).toBe('disabled');
  });

  test('a state that is none of Consul’s counts as critical', () => {
    expect(health([{ CheckID: 'service:a', Status: 'fine' }])?.health).toBe('unhealthy');
  });
});

describe('what becomes of the fields', () => {
  test('an instance without an address of its own has its node’s', () => {
    expect(recordOf([entry({ Address: '' })]).endpoints[0]?.address).toBe('10.0.0.9');
  });

  test('tags of the form name=value are metadata, Meta wins over them, plain tags are none', () => {
    const [endpoint] = recordOf([entry({ Tags: ['blue', 'version=v0', 'team=a=b'], Meta: { version: 'v1' } })]).endpoints;
    expect(endpoint?.metadata).toEqual({ version: 'v1', team: 'a=b' });
  });

  test('secure=true means https unless the metadata names a protocol', () => {
    expect(recordOf([entry({ Meta: { secure: 'true' } })]).endpoints[0]?.protocol).toBe('https');
    expect(recordOf([entry({ Meta: { secure: 'true', protocol: 'grpc' } })]).endpoints[0]?.protocol).toBe('grpc');
  });

  test('locality comes from the service’s metadata, else its Locality, else the node’s metadata', () => {
    const locality = (service: object, node: object = {}) => recordOf([entry(service, [], node)]).endpoints[0]?.locality;
    const given = { Locality: { Region: 'eu', Zone: 'eu-1' } };
    expect(locality({ ...given, Meta: { zone: 'az-9' } })).toEqual({ region: '', zone: 'az-9', subzone: '' });
    expect(locality(given)).toEqual({ region: 'eu', zone: 'eu-1', subzone: '' });
    expect(locality({}, { Meta: { region: 'us', zone: 'us-2' } })).toEqual({ region: 'us', zone: 'us-2', subzone: '' });
  });

  test('Connect proxies are no instances; a service that has only those is none', () => {
    expect(normalizeService(key, [entry({ Kind: 'connect-proxy' })], rules).kind).toBe('none');
    expect(recordOf([entry({ Kind: 'connect-proxy', ID: 'p', Port: 20000 }), entry()]).endpoints).toHaveLength(1);
  });

  test('what consul-k8s copied stays and gets a note', () => {
    expect(recordOf([entry({ Tags: ['k8s'] })]).diagnostics.map((d) => d.code)).toEqual(['service.imported']);
  });

  test('unknown fields change nothing', () => {
    const plain = entry();
    expect(recordOf([{ ...plain, Future: { a: 1 } }])).toEqual(recordOf([plain]));
  });
});

describe('bad input costs the instance that it is in', () => {
  const codes = (bad: object) => {
    const record = recordOf([entry({ ID: 'good', Address: '10.0.0.2' }), bad]);
    expect(record.endpoints.some((endpoint) => endpoint.instanceId === 'n1/good')).toBe(true);
    return { left: record.endpoints.length, codes: record.diagnostics.map((d) => d.code), where: record.diagnostics[0]?.where };
  };

  test('an address of 0.0.0.0, none at all, port 0 and port 70000 are left out and named', () => {
    expect(codes(entry({ ID: 'bad', Address: '0.0.0.0' }))).toEqual({
      left: 1,
      codes: ['address.invalid'],
      where: 'hq/dc1//order-service n1/bad',
    });
    expect(codes(entry({ Address: '' }, [], { Address: '' }))).toMatchObject({ left: 1, codes: ['address.invalid'] });
    expect(codes(entry({ Port: 0 }))).toMatchObject({ left: 1, codes: ['port.invalid'] });
    expect(codes(entry({ Port: 70_000 }))).toMatchObject({ left: 1, codes: ['port.invalid'] });
  });

  test('a host name becomes a DNS endpoint', () => {
    expect(codes(entry({ Address: 'db.internal' }))).toMatchObject({ left: 2, codes: ['address.hostname'] });
  });

  test('weights of -1 and of a text get no traffic, 1e9 is clamped', () => {
    expect(codes(entry({ Weights: { Passing: -1 } }))).toMatchObject({ left: 2, codes: ['weight.invalid'] });
    expect(codes(entry({ Weights: { Passing: 'NaN' } }))).toMatchObject({ left: 2, codes: ['weight.invalid'] });
    expect(codes(entry({ Weights: { Passing: 1e9 } }))).toMatchObject({ left: 2, codes: ['weight.clamped'] });
  });

  test('metadata of 100 kB, with control characters, or that is no object', () => {
    expect(codes(entry({ Meta: { big: 'x'.repeat(100_000) } }))).toMatchObject({ left: 2, codes: ['metadata.too-large'] });
    expect(codes(entry({ Meta: { a: 'x\u0000y' } }))).toMatchObject({ left: 2, codes: ['metadata.invalid'] });
    expect(codes(entry({ Meta: ['a'] }))).toMatchObject({ left: 2, codes: ['metadata.invalid'] });
  });

  test('two instances with one address are one endpoint', () => {
    expect(codes(entry({ ID: 'twin', Address: '10.0.0.2' }))).toMatchObject({ left: 1, codes: ['endpoint.duplicate'] });
  });

  test('an entry that is no object is named by its place', () => {
    const record = recordOf([entry(), null, 7]);
    expect(record.endpoints).toHaveLength(1);
    expect(record.diagnostics.map((d) => d.where)).toEqual(['hq/dc1//order-service entry 1', 'hq/dc1//order-service entry 2']);
  });

  test('a service name of which no DNS name can be made is rejected', () => {
    const normalized = normalizeService({ ...key, name: '***' }, [entry()], rules);
    expect(normalized).toMatchObject({ kind: 'rejected', diagnostic: { code: 'host.invalid' } });
  });

  test('answers of another shape are refused as a whole', () => {
    expect(() => normalizeService(key, { error: 'x' }, rules)).toThrow('no list of instances');
    expect(() => serviceNames(['a'])).toThrow('no list of services');
    expect(() => marksOf({})).toThrow('no list');
  });
});

test('marks that came, went or changed are told apart from those that stayed', () => {
  const mark = (id: string, modified: string) => ({ id, modified, node: 'n1', service: id });
  const changed = changedMarks(
    [mark('a', '1'), mark('b', '1'), mark('c', '1')],
    [mark('a', '1'), mark('b', '2'), mark('d', '1')],
  );
  expect(changed.map((m) => m.id).sort()).toEqual(['b', 'c', 'd']);
});
