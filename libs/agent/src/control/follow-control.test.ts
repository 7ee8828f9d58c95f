import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { FollowedControl } from './testing/followed-control.ts';
import { ScriptedControl, hello, orders, planEvent } from './testing/scripted-control.ts';
import type { Answer } from './testing/scripted-control.ts';

let world: FollowedControl;
beforeEach(async () => void (world = await FollowedControl.open()));
afterEach(() => world.close());

describe('the plan of the control plane', () => {
  test('is in force as soon as it is said, and so is each change of a target', async () => {
    world.bridge.stream = world.bridge.says(hello, planEvent('1', orders));
    world.follow();
    await world.inForce('1');
    const other = { ...orders, host: 'payments.shop', port: 8081 };
    world.bridge.send(`id: e.2\nevent: target\ndata: ${JSON.stringify({ version: '2', target: other })}\n\n`);
    await world.inForce('2');
    expect(world.adopted.at(-1)?.targets.map(({ host }) => host)).toEqual(['orders.shop', 'payments.shop']);
    world.bridge.send(`id: e.3\nevent: gone\ndata: ${JSON.stringify({ version: '3', host: 'orders.shop', port: 80 })}\n\n`);
    await world.inForce('3');
    expect(world.adopted.at(-1)?.targets.map(({ host }) => host)).toEqual(['payments.shop']);
  });

  test('is asked for by name, with the token, and again from where the stream was', async () => {
    const tokenFile = join(world.directory, 'token');
    writeFileSync(tokenFile, 'first\n');
    world.bridge.stream = world.bridge.says(hello, planEvent('1', orders));
    world.follow({ tokenFile });
    await world.inForce('1');
    writeFileSync(tokenFile, 'second\n');
    for (const socket of world.bridge.sockets) socket.destroy();
    await until('it came back', () => world.bridge.streams.length === 2);
    const [first, second] = world.bridge.streams;
    expect(new URL(first?.url ?? '', 'http://x').searchParams.get('service')).toBe('web');
    expect([first, second].map((one) => [one?.headers.authorization, one?.headers['last-event-id']])).toEqual([
      ['Bearer first', undefined],
      ['Bearer second', 'e.1'],
    ]);
  });

  test('goes by the addresses that the mesh lists too, from discovery up', async () => {
    const endpoints = [{ address: '10.0.0.2', port: 8080, weight: 1, healthy: false, zone: '', protocol: '' }];
    const event = (host: string): string =>
      `event: endpoints\ndata: ${JSON.stringify({ host, port: 80, hash: 'h', endpoints })}\n\n`;
    const shadowed = { ...orders, host: 'payments.shop', rung: 'shadow' };
    world.bridge.stream = world.bridge.says(
      hello,
      planEvent('1', orders, shadowed),
      event('orders.shop'),
      event('payments.shop'),
    );
    const { views } = world.follow();
    await until('addresses', () => world.adopted.at(-1)?.targets[0]?.addresses.length === 2);
    expect(world.adopted.at(-1)?.targets.map(({ addresses }) => addresses)).toEqual([
      ['10.0.0.1:8080', '10.0.0.2:8080'],
      ['10.0.0.1:8080'],
    ]);
    expect(views.of('payments.shop:80')?.endpoints).toEqual(endpoints);
  });

  // What the bridge of commit cb7b0740 said: test/e2e/support/earlier-bridge/README.md.
  test('is understood as an earlier bridge says it', async () => {
    const said = readFileSync(join(import.meta.dirname, 'testdata/earlier-bridge.txt'), 'utf8');
    world.bridge.stream = world.bridge.says(said);
    const { views } = world.follow();
    await until('its addresses', () => views.of('orders.default-group.public.nacos:80')?.endpoints?.length === 1);
    await world.inForce('e9f7817f67e95942-1');
    expect(world.adopted.at(-1)?.targets).toMatchObject([
      { host: 'orders.default-group.public.nacos', port: 80, rung: 'traffic', percent: 100, addresses: ['127.0.0.1:8081'] },
    ]);
    await until('reported', () => world.bridge.reports.length > 0);
  });

  test('is asked for the view of the SDK, and reports at once', async () => {
    world.bridge.stream = world.bridge.says(
      hello,
      planEvent('1', orders),
      'event: ask\ndata: {"host":"orders.shop","port":80}\n\n',
    );
    world.follow();
    await until('asked', () => world.asked.length === 1 && world.bridge.reports.length > 0);
    expect(world.asked).toEqual(['orders.shop:80']);
    world.counts.mesh.ended(1, true);
    await until('reported', () => world.bridge.reports.some(({ targets }) => targets[0]?.arms.mesh.failures === 1));
    expect(world.bridge.reports[0]).toMatchObject({ schema: 1, service: 'web', planVersion: '1', node: process.version });
  });
});

describe('a control plane that is wrong leaves the last plan in force', () => {
  beforeEach(async () => {
    world.bridge.stream = world.bridge.says(hello, planEvent('1', orders));
    world.follow();
    await world.inForce('1');
  });
  /** Its next stream, and what the agent says of it. */
  const meets = async (answer: Answer, words: RegExp): Promise<void> => {
    world.said = [];
    world.bridge.stream = answer;
    for (const socket of world.bridge.sockets) socket.destroy();
    await until(`it said ${words}`, () => world.said.some(({ message }) => words.test(message)));
    expect(world.versions()).toEqual(['1']);
  };
  const wellAgain = async (): Promise<void> => {
    world.bridge.stream = world.bridge.says(hello, planEvent('2', orders));
    for (const socket of world.bridge.sockets) socket.destroy();
    await world.inForce('2');
  };

  test('when it answers HTML', async () => {
    const page: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>sign in</html>');
    };
    await meets(page, /text\/html/);
    await wellAgain();
  });

  test('when it says nonsense', async () => {
    await meets(world.bridge.says('event: plan\ndata: {"schema":\n\n', 'nonsense\n\n', 'event: target\ndata: 5\n\n'), /not JSON/);
    world.bridge.send(planEvent('2', { ...orders, rung: 'heaven' }));
    world.bridge.send(planEvent('3', orders));
    await world.inForce('3');
    expect(world.versions()).toEqual(['1', '3']);
  });

  test('when it says 10 MB', async () => {
    await meets((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${'x'.repeat(10 * 1024 * 1024)}`);
    }, /more than 8388608 bytes/);
    expect(process.memoryUsage().heapUsed).toBeLessThan(500 * 1024 * 1024);
    await wellAgain();
  });

  test('when it speaks a newer schema, or knows events and fields that the agent does not', async () => {
    const newer = `event: plan\ndata: ${JSON.stringify({ schema: 2, version: '2', targets: [] })}\n\n`;
    await meets(world.bridge.says('event: hello\ndata: {"schema":2,"bridge":"9"}\n\n', newer), /schema is 2/);
    world.bridge.send('event: weather\ndata: sunny\n\n');
    world.bridge.send(planEvent('3', { ...orders, colour: 'blue' }));
    await world.inForce('3');
  });

  test('when it is older and says less', async () => {
    const { port: _port, ...least } = orders;
    world.bridge.send(`event: hello\ndata: {}\n\n${planEvent('2', least)}`);
    await world.inForce('2');
    expect(world.adopted.at(-1)?.targets[0]?.port).toBe(80);
  });

  test('when it tells endpoints of targets that are not in the plan', async () => {
    const unknown = { host: 'unknown.shop', port: 80, hash: 'h', endpoints: [] };
    world.bridge.send(
      `event: endpoints\ndata: ${JSON.stringify(unknown)}\n\nevent: view\ndata: ${JSON.stringify({ ...unknown, endpoints: 3 })}\n\n`,
    );
    world.bridge.send(`event: gone\ndata: ${JSON.stringify({ version: '2', host: 'unknown.shop', port: 80 })}\n\n`);
    await world.inForce('2');
    expect(world.adopted.at(-1)?.targets).toHaveLength(1);
    expect(world.control?.views.of('unknown.shop:80')).toBeUndefined();
  });

  test('when it plans for targets that the process does not know, one after the other without end', async () => {
    const unknown = Array.from({ length: 10_000 }, (_, n) => ({ ...orders, host: `unknown-${n}.shop`, addresses: [] }));
    world.bridge.send(planEvent('2', orders, ...unknown.slice(1)));
    await world.inForce('2');
    const one = (version: string, target: object): string =>
      `event: target\ndata: ${JSON.stringify({ version, target })}\n\nevent: ask\ndata: {"host":"nobody.shop","port":80}\n\n`;
    // Full: of these nothing is taken, and of all refusals one in a while is said (here each, by a clock of its own).
    for (let n = 0; n < 20; n += 1) world.bridge.send(one(`too-many-${n}`, { ...orders, host: `more-${n}.shop` }));
    await until('refused', () => world.said.length >= 20);
    expect(world.said.every(({ code, message }) => code === 'control-unusable' && message.includes('at most 10000'))).toBe(true);
    expect(new Set(world.said.map(({ where }) => where)).size).toBe(1);
    world.bridge.send(one('3', { ...orders, percent: 50 }));
    await world.inForce('3');
    expect(world.versions()).toEqual(['1', '2', '3']);
    expect(world.adopted.at(-1)?.targets).toHaveLength(10_000);
    world.bridge.send(planEvent('4', orders));
    await world.inForce('4');
    expect(world.adopted.at(-1)?.targets.map(({ host }) => host)).toEqual(['orders.shop']);
  });

  test('when it hangs: a stream without a sign of life is left for another one', async () => {
    // Pings every second were promised, and none comes.
    await until('it came again', () => world.bridge.streams.length >= 2);
    expect(world.said.some(({ message }) => message.includes('nothing came any more'))).toBe(true);
    expect(world.versions().every((version) => version === '1')).toBe(true);
  });

  test('when it closes at once, and is not asked in a hot loop', async () => {
    const at: number[] = [];
    await meets((_request, response) => {
      at.push(performance.now());
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(hello);
    }, /closed|ended/);
    await until('five streams', () => at.length >= 5);
    // 125 ms at least, then twice as long each time.
    expect((at[4] as number) - (at[0] as number)).toBeGreaterThan(1_000);
    await wellAgain();
  });

  test('when it refuses the token, and when reports are refused or never answered', async () => {
    world.bridge.report = () => undefined;
    await meets((_request, response) => void response.writeHead(401, { 'content-type': 'application/json' }).end('{}'), /token/);
    await wellAgain();
    world.bridge.report = (_request, response) => void response.writeHead(500).end();
    world.control?.changed();
    await until('it was reported', () => world.bridge.reports.length > 0);
    await world.inForce('2');
  });

  test('when it is gone', async () => {
    await world.bridge.stop();
    await until('said', () => world.said.some(({ message }) => message.includes('ECONNREFUSED')));
    expect(world.versions()).toEqual(['1']);
    world.bridge = new ScriptedControl();
    world.bridge.stream = world.bridge.says(hello, planEvent('2', orders));
    await world.bridge.start(world.port);
    await world.inForce('2');
  });
});

describe('a lease', () => {
  const leased = { ...orders, leaseS: 3 };

  test('that is over takes its target to the SDK, and nothing else; it comes back with the control plane', async () => {
    world.bridge.stream = world.bridge.says(planEvent('1', leased, { ...orders, host: 'payments.shop' }));
    world.follow();
    await world.inForce('1');
    await world.bridge.stop();
    await until('the lease is over', () => world.adopted.at(-1)?.targets[0]?.rung === 'sdk');
    expect(world.adopted.at(-1)?.targets[1]?.rung).toBe('traffic');
    world.bridge = new ScriptedControl();
    world.bridge.stream = world.bridge.says(planEvent('1', leased));
    await world.bridge.start(world.port);
    await until('it is back', () => world.adopted.at(-1)?.targets[0]?.rung === 'traffic');
  });

  test('ends in its time though the wall clock jumped back a day meanwhile', async () => {
    const { now } = Date;
    world.bridge.stream = world.bridge.says(planEvent('1', leased));
    world.follow();
    await world.inForce('1');
    try {
      Date.now = () => now() - 86_400_000;
      await world.bridge.stop();
      await until('the lease is over', () => world.adopted.at(-1)?.targets[0]?.rung === 'sdk');
    } finally {
      Date.now = now;
    }
  });

  test('goes on though the wall clock jumps', async () => {
    const { now } = Date;
    world.bridge.stream = world.bridge.says(hello, planEvent('1', { ...orders, leaseS: 600 }));
    world.follow();
    await world.inForce('1');
    try {
      for (const jump of [86_400_000, -86_400_000]) {
        Date.now = () => now() + jump;
        world.bridge.send(planEvent(`after ${jump}`, { ...orders, leaseS: 600 }));
        await world.inForce(`after ${jump}`);
        expect(world.adopted.at(-1)?.targets[0]?.rung).toBe('traffic');
      }
    } finally {
      Date.now = now;
    }
  });
});
