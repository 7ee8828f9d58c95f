import { describe, expect, test } from '@jest/globals';
import { viewHash } from '@isthmus/ladder';
import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import { SdkViews } from './sdk-views.ts';

const at = (address: string, weight = 1): ViewEndpoint => ({
  address,
  port: 8080,
  weight,
  healthy: true,
  zone: '',
  protocol: '',
});
const orders: AgentTarget = { host: 'orders.mesh', rung: 'shadow', addresses: [], sdkNames: ['nacos/public/G/orders'] };

function views(): { readonly views: SdkViews; readonly clock: { now: number } } {
  const clock = { now: 1_000 };
  return { views: new SdkViews({ now: () => clock.now }), clock };
}

describe('what the SDKs see', () => {
  test('is told for the target whose SDK name it has, and for no other', () => {
    const { views: seen } = views();
    seen.observe('nacos/public/G/orders', [at('10.0.0.7')]);
    seen.observe('nacos/public/G/users', [at('10.0.0.9')]);
    expect(seen.report('orders.mesh')).toBeUndefined();
    seen.follow([orders]);
    expect(seen.report('orders.mesh', 80)).toEqual({ hash: viewHash([at('10.0.0.7')]), count: 1, since: 1_000 });
    expect(seen.report('orders.mesh', 81)).toBeUndefined();
  });

  test('is known since it changed, not since it was last said', () => {
    const { views: seen, clock } = views();
    seen.follow([orders]);
    seen.observe('nacos/public/G/orders', [at('10.0.0.7'), at('10.0.0.8')]);
    clock.now = 2_000;
    seen.observe('nacos/public/G/orders', [at('10.0.0.8'), at('10.0.0.7')]);
    expect(seen.report('orders.mesh')?.since).toBe(1_000);
    seen.observe('nacos/public/G/orders', []);
    expect(seen.report('orders.mesh')).toEqual({ hash: viewHash([]), count: 0, since: 2_000 });
  });

  test('is told in full once after it was asked for', () => {
    const { views: seen } = views();
    seen.follow([orders]);
    seen.observe('nacos/public/G/orders', [at('10.0.0.7')]);
    seen.ask('orders.mesh');
    expect(seen.report('orders.mesh')?.endpoints).toEqual([at('10.0.0.7')]);
    expect(seen.report('orders.mesh')?.endpoints).toBeUndefined();
  });

  test('of two SDK names of one target is one view in which every address is once, as the first name has it', () => {
    const { views: seen } = views();
    seen.follow([{ ...orders, sdkNames: ['nacos/public/G/orders', 'eureka///ORDERS'] }]);
    seen.observe('eureka///ORDERS', [at('10.0.0.7', 1), at('10.0.0.8', 1)]);
    seen.observe('nacos/public/G/orders', [at('10.0.0.7', 5)]);
    seen.ask('orders.mesh');
    const { endpoints = [] } = seen.report('orders.mesh') ?? {};
    expect(endpoints.map(({ address, weight }) => [address, weight]).sort()).toEqual([['10.0.0.7', 5], ['10.0.0.8', 1]]); // prettier-ignore
  });

  test('has every bug of a client once', () => {
    const { views: seen } = views();
    const told: string[] = [];
    seen.listen({ bug: (name, code) => void told.push(`${name} ${code}`) });
    seen.follow([orders]);
    seen.observe('nacos/public/G/orders', [at('10.0.0.7')]);
    for (const code of ['watch-died', 'double-beat', 'watch-died']) seen.bug('nacos/public/G/orders', code, 'why');
    expect(seen.report('orders.mesh')?.bugs).toEqual(['double-beat', 'watch-died']);
    expect(told).toEqual(['nacos/public/G/orders watch-died', 'nacos/public/G/orders double-beat']);
  });

  test('forgets services that no target names when there are too many, and keeps those of the plan', () => {
    const { views: seen } = views();
    seen.follow([orders]);
    seen.observe('nacos/public/G/orders', [at('10.0.0.7')]);
    const changes: string[] = [];
    for (let name = 0; name < 3_000; name += 1) seen.observe(`nacos/public/G/other-${name}`, [at('10.0.0.9')]);
    seen.listen({ changed: (name) => void changes.push(name) });
    seen.observe('nacos/public/G/other-2999', [at('10.0.0.9')]);
    seen.observe('nacos/public/G/other-0', [at('10.0.0.9')]);
    expect(seen.report('orders.mesh')?.count).toBe(1);
    expect(changes).toEqual(['nacos/public/G/other-0']); // it was forgotten, so it is new
  });

  test('never throws into the client that tells it', () => {
    const { views: seen } = views();
    const broken = (): never => {
      throw new Error('listener');
    };
    seen.listen({ changed: broken, bug: broken });
    expect(() => seen.observe('a', [{} as ViewEndpoint])).not.toThrow();
    expect(() => seen.observe('a', undefined as unknown as ViewEndpoint[])).not.toThrow();
    expect(() => seen.bug('a', 'b', 'c')).not.toThrow();
  });
});
