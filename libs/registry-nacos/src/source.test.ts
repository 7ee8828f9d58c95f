import { afterEach, describe, expect, test } from '@jest/globals';
import { NacosWorld, live, never, one, scopeOf, service, states } from './testing/nacos-world.ts';

const world = new NacosWorld();
afterEach(() => world.close());

describe('a Nacos source', () => {
  test('asks who is really healthy when the protection threshold rewrites health', async () => {
    const fake = await world.start();
    fake.store.protect(service('guarded'), 0.6);
    fake.set(service('guarded'), [
      { ip: '10.0.3.1', port: 80 },
      { ip: '10.0.3.2', port: 80, healthy: false },
      { ip: '10.0.3.3', port: 80, healthy: false },
    ]);
    const view = world.watch([fake], never);
    await live(view);
    expect(view.endpoints('guarded').map((endpoint) => endpoint.health)).toEqual(['healthy', 'unhealthy', 'unhealthy']);
    fake.set(service('guarded'), [
      { ip: '10.0.3.1', port: 80, healthy: false },
      { ip: '10.0.3.2', port: 80 },
      { ip: '10.0.3.3', port: 80, healthy: false },
    ]);
    await view.until(
      'pushed',
      (v) =>
        v
          .endpoints('guarded')
          .map((endpoint) => endpoint.health)
          .join() === 'unhealthy,healthy,unhealthy',
    );
  });

  test('drops a push that is older than what it knows', async () => {
    const fake = await world.start();
    const view = world.watch([fake], never);
    await live(view);
    const push = (lastRefTime: number, port: number) =>
      fake.push('NotifySubscriberRequest', {
        serviceInfo: {
          name: 'orders',
          groupName: 'DEFAULT_GROUP',
          lastRefTime,
          hosts: [{ ip: '10.0.0.1', port, weight: 1, healthy: true }],
        },
      });
    push(1, 81);
    push(Date.now() + 60_000, 82);
    await view.until('the newer one', (v) => v.endpoints('orders')[0]?.port === 82);
    expect(view.events.flatMap((event) => (event.kind === 'upsert' ? event.service.endpoints.map((e) => e.port) : []))).toEqual([
      82,
    ]);
  });

  test('puts the Nacos cluster on the endpoint and reads all clusters', async () => {
    const fake = await world.start();
    fake.set(service('spread'), [
      { ip: '10.0.0.1', port: 80, clusterName: 'HZ' },
      { ip: '10.0.0.2', port: 80, clusterName: 'SH' },
    ]);
    const view = world.watch([fake]);
    await live(view);
    expect(view.endpoints('spread').map((endpoint) => endpoint.cluster)).toEqual(['HZ', 'SH']);
    expect([...view.services.values()].map((record) => record.host)).toContain('spread.default-group.public.nacos');
  });

  test('reads the services that the filter wants, and no others', async () => {
    const fake = await world.start();
    fake.set(service('test-orders'), one);
    const view = world.watch([fake], { services: { include: ['*orders'], exclude: ['test-*'] } });
    await live(view);
    fake.set(service('test-more-orders'), one);
    fake.set(service('old-orders'), one);
    await view.until('old-orders', (v) => v.has('old-orders'));
    expect([...view.services.values()].map((record) => record.key.name).sort()).toEqual(['old-orders', 'orders']);
  });

  test('has a scope and a connection for each namespace, because a push does not name its namespace', async () => {
    const fake = await world.start();
    fake.set(service('orders', 'DEFAULT_GROUP', 'staging'), [{ ip: '10.0.0.2', port: 80 }]);
    const view = world.watch([fake], { namespaces: ['public', 'staging'] });
    await live(view);
    await live(view, scopeOf('DEFAULT_GROUP', 'staging'));
    fake.set(service('orders', 'DEFAULT_GROUP', 'staging'), [{ ip: '10.0.0.3', port: 80 }]);
    await view.until('the change in staging', (v) => v.endpoints('orders').some((endpoint) => endpoint.address === '10.0.0.3'));
    expect(
      view
        .endpoints('orders')
        .map((endpoint) => endpoint.address)
        .sort(),
    ).toEqual(['10.0.0.1', '10.0.0.3']);
    expect(fake.requests.filter((type) => type === 'ConnectionSetupRequest')).toHaveLength(2);
  });

  test('stays registered: it checks health, and answers detection and every other request of the server', async () => {
    const fake = await world.start();
    const view = world.watch([fake], never);
    await live(view);
    fake.push('ClientDetectionRequest', {});
    fake.push('SomeNewRequest', {});
    await view.until('the answers', () =>
      ['ClientDetectionResponse', 'SomeNewResponse', 'HealthCheckRequest'].every((type) => fake.requests.includes(type)),
    );
    expect(fake.requests).not.toContain('SetupAckResponse');
  });

  test('finds a change whose push was lost when it queries the services in turn', async () => {
    const fake = await world.start();
    const view = world.watch([fake], {}, { verifyEvery: 200 });
    await live(view);
    fake.store.set(service('orders'), [{ ip: '10.0.0.7', port: 80 }]);
    await view.until('found', (v) => v.endpoints('orders')[0]?.address === '10.0.0.7');
  });

  test('is partial while one service is refused, deletes nothing, and is live when it is not', async () => {
    const fake = await world.start();
    const refused = Buffer.from('{"resultCode":500,"errorCode":500,"message":"NullPointerException","success":false}');
    fake.set(service('broken'), one);
    fake.intercept = (_type, body) => (body['serviceName'] === 'broken' ? refused : undefined);
    const view = world.watch([fake]);
    await view.until('partial', (v) => v.status(scopeOf())?.state === 'partial');
    await view.until('orders', (v) => v.has('orders'));
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
    fake.intercept = () => undefined;
    await live(view);
    expect(view.has('broken') && view.has('orders')).toBe(true);
  });

  test('stops asking for a service that is neither listed nor has instances', async () => {
    const fake = await world.start();
    fake.set(service('short'), one);
    const view = world.watch([fake]);
    await live(view);
    fake.set(service('short'), []);
    await view.until('removed', (v) => !v.has('short'));
    let unsubscribed = false;
    fake.intercept = (type, body) => {
      unsubscribed ||= type === 'SubscribeServiceRequest' && body['serviceName'] === 'short' && body['subscribe'] === false;
      return undefined;
    };
    fake.store.delete(service('short'));
    await view.until('unsubscribed', () => unsubscribed);
  });

  test('keeps a service that is not listed while Nacos still gives its instances', async () => {
    const fake = await world.start();
    const view = world.watch([fake]);
    await live(view);
    let queried = 0;
    fake.intercept = (type, body) => {
      if (type === 'ServiceQueryRequest' && body['serviceName'] === 'orders') queried += 1;
      return type === 'ServiceListRequest' ? Buffer.from('{"resultCode":200,"count":0,"serviceNames":[]}') : undefined;
    };
    await view.until('asked twice', () => queried >= 2);
    expect(view.has('orders')).toBe(true);
  });
});

describe('groups: ["*"]', () => {
  const all = { groups: ['*'] };

  test('on Nacos 2 come from the HTTP API that lists services of all groups, new ones too', async () => {
    const fake = await world.start();
    fake.set(service('pay', 'SHOP'), one);
    const view = world.watch([fake], all);
    await live(view, scopeOf('SHOP'));
    fake.set(service('late', 'LATE'), one);
    await live(view, scopeOf('LATE'));
    expect(view.has('pay') && view.has('late') && view.has('orders')).toBe(true);
  });

  test('on Nacos 2 without that right are said to be unknown; DEFAULT_GROUP is read', async () => {
    const fake = await world.start({ catalog: false });
    const view = world.watch([fake], all);
    await live(view);
    await view.until('said', (v) => v.diagnostics(scopeOf()).some((d) => d.code === 'registry.partial'));
    expect(view.has('orders')).toBe(true);
  });

  test('on Nacos 3 without that right come from fuzzy watch', async () => {
    const fake = await world.start({ generation: 3, catalog: false });
    fake.set(service('pay', 'SHOP'), one);
    const view = world.watch([fake], { ...all, ...never });
    await live(view, scopeOf('SHOP'));
    expect(view.diagnostics(scopeOf())).toEqual([]);
    fake.set(service('late', 'LATE'), one);
    await live(view, scopeOf('LATE'));
  });
});

describe('fuzzy watch on Nacos 3', () => {
  test('shows a new service long before the next listing', async () => {
    const fake = await world.start({ generation: 3 });
    const view = world.watch([fake], never);
    await live(view);
    fake.set(service('new'), one);
    await view.until('new', (v) => v.has('new'));
  });

  test('over its limits is not missed: listings find everything', async () => {
    const fake = await world.start({ generation: 3 });
    const over = Buffer.from('{"resultCode":500,"errorCode":50310,"message":"fuzzy watch pattern over limit","success":false}');
    fake.intercept = (type) => (type === 'NamingFuzzyWatchRequest' ? over : undefined);
    const view = world.watch([fake]);
    await live(view);
    fake.set(service('new'), one);
    await view.until('new', (v) => v.has('new'));
    expect(states(view)).toEqual(['syncing', 'live']);
  });
});
