import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentPlan, AgentReport, AgentTarget } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { Diagnostics } from '../diagnostics.ts';
import type { AgentDiagnostic } from '../diagnostics.ts';
import { ArmCounts } from './arm-counts.ts';
import { followControl } from './follow-control.ts';
import type { Control } from './follow-control.ts';

type Answer = (request: http.IncomingMessage, response: http.ServerResponse) => void;

const orders: AgentTarget = { host: 'orders.shop', port: 80, rung: 'traffic', addresses: ['10.0.0.1:8080'] };
const planEvent = (version: string, ...targets: readonly object[]): string =>
  `id: e.${version}\nevent: plan\ndata: ${JSON.stringify({ schema: 1, version, targets })}\n\n`;
const hello = `event: hello\ndata: ${JSON.stringify({ schema: 1, bridge: 'test', pingMs: 1_000, reportEveryMs: 1_000 })}\n\n`;

/** A control API that answers what the test says. */
class ScriptedControl {
  readonly server = http.createServer((request, response) => this.#serve(request, response));
  readonly sockets = new Set<Socket>();
  readonly streams: http.IncomingMessage[] = [];
  readonly open = new Set<http.ServerResponse>();
  readonly reports: AgentReport[] = [];
  stream: Answer = () => undefined;
  report: Answer = (_request, response) => void response.writeHead(204).end();

  async start(port = 0): Promise<number> {
    this.server.on('connection', (socket) => this.sockets.add(socket));
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Answers as the bridge does, and keeps the stream open. */
  says(...texts: readonly string[]): Answer {
    return (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(texts.join(''));
      this.open.add(response);
    };
  }

  send(text: string): void {
    for (const response of this.open) response.write(text);
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.url?.startsWith('/api/v1/agents/stream') === true) {
      this.streams.push(request);
      this.stream(request, response);
      return;
    }
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      this.reports.push(JSON.parse(text) as AgentReport);
      this.report(request, response);
    });
  }
}

let bridge: ScriptedControl;
let port: number;
let control: Control | undefined;
let adopted: AgentPlan[];
let said: AgentDiagnostic[];
let asked: string[];
let directory: string;
let minutes = 0;
const counts = { sdk: new ArmCounts(), mesh: new ArmCounts(), byInstance: 0 };

beforeEach(async () => {
  bridge = new ScriptedControl();
  port = await bridge.start();
  adopted = [];
  said = [];
  asked = [];
  directory = mkdtempSync(join(tmpdir(), 'isthmus-control-'));
});
afterEach(async () => {
  control?.close();
  await bridge.stop();
  rmSync(directory, { recursive: true, force: true });
});

function follow(more: { readonly cacheDir?: string; readonly tokenFile?: string } = {}): Control {
  const { cacheDir, ...place } = more;
  control = followControl({
    place: { url: `http://127.0.0.1:${port}`, service: 'web', ...place },
    ...(cacheDir === undefined ? {} : { cacheDir }),
    adopt: (plan) => adopted.push(plan),
    targets: () => [{ authority: 'orders.shop:80', effective: { rung: 'traffic', percent: 100 }, counts }],
    ask: (host, at) => asked.push(`${host}:${at}`),
    // Everything is said: a minute between any two.
    diagnostics: new Diagnostics({ emit: (one) => said.push(one), now: () => (minutes += 60_000) }),
    now: () => performance.now(),
    random: () => 0,
  });
  return control;
}
const versions = (): readonly string[] => adopted.map(({ version }) => version);
const inForce = async (version: string): Promise<void> => until(`plan ${version}`, () => versions().at(-1) === version);

describe('the plan of the control plane', () => {
  test('is in force as soon as it is said, and so is each change of a target', async () => {
    bridge.stream = bridge.says(hello, planEvent('1', orders));
    follow();
    await inForce('1');
    const other = { ...orders, host: 'payments.shop', port: 8081 };
    bridge.send(`id: e.2\nevent: target\ndata: ${JSON.stringify({ version: '2', target: other })}\n\n`);
    await inForce('2');
    expect(adopted.at(-1)?.targets.map(({ host }) => host)).toEqual(['orders.shop', 'payments.shop']);
    bridge.send(`id: e.3\nevent: gone\ndata: ${JSON.stringify({ version: '3', host: 'orders.shop', port: 80 })}\n\n`);
    await inForce('3');
    expect(adopted.at(-1)?.targets.map(({ host }) => host)).toEqual(['payments.shop']);
  });

  test('is asked for by name, with the token, and again from where the stream was', async () => {
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, 'first\n');
    bridge.stream = bridge.says(hello, planEvent('1', orders));
    follow({ tokenFile });
    await inForce('1');
    writeFileSync(tokenFile, 'second\n');
    for (const socket of bridge.sockets) socket.destroy();
    await until('it came back', () => bridge.streams.length === 2);
    const [first, second] = bridge.streams;
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
    bridge.stream = bridge.says(hello, planEvent('1', orders, shadowed), event('orders.shop'), event('payments.shop'));
    const { views } = follow();
    await until('addresses', () => adopted.at(-1)?.targets[0]?.addresses.length === 2);
    expect(adopted.at(-1)?.targets.map(({ addresses }) => addresses)).toEqual([
      ['10.0.0.1:8080', '10.0.0.2:8080'],
      ['10.0.0.1:8080'],
    ]);
    expect(views.of('payments.shop:80')?.endpoints).toEqual(endpoints);
  });

  test('is asked for the view of the SDK, and reports at once', async () => {
    bridge.stream = bridge.says(hello, planEvent('1', orders), 'event: ask\ndata: {"host":"orders.shop","port":80}\n\n');
    follow();
    await until('asked', () => asked.length === 1 && bridge.reports.length > 0);
    expect(asked).toEqual(['orders.shop:80']);
    counts.mesh.attempted();
    counts.mesh.ended(1, true);
    await until('reported', () => bridge.reports.some(({ targets }) => targets[0]?.arms.mesh.failures === 1));
    expect(bridge.reports[0]).toMatchObject({ schema: 1, service: 'web', planVersion: '1', node: process.version });
  });
});

describe('a control plane that is wrong leaves the last plan in force', () => {
  beforeEach(async () => {
    bridge.stream = bridge.says(hello, planEvent('1', orders));
    follow();
    await inForce('1');
  });
  /** Its next stream, and what the agent says of it. */
  const meets = async (answer: Answer, words: RegExp): Promise<void> => {
    said = [];
    bridge.stream = answer;
    for (const socket of bridge.sockets) socket.destroy();
    await until(`it said ${words}`, () => said.some(({ message }) => words.test(message)));
    expect(versions()).toEqual(['1']);
  };
  const wellAgain = async (): Promise<void> => {
    bridge.stream = bridge.says(hello, planEvent('2', orders));
    for (const socket of bridge.sockets) socket.destroy();
    await inForce('2');
  };

  test('when it answers HTML', async () => {
    const page: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>sign in</html>');
    };
    await meets(page, /text\/html/);
    await wellAgain();
  });

  test('when it says nonsense', async () => {
    await meets(bridge.says('event: plan\ndata: {"schema":\n\n', 'nonsense\n\n', 'event: target\ndata: 5\n\n'), /not JSON/);
    bridge.send(planEvent('2', { ...orders, rung: 'heaven' }));
    bridge.send(planEvent('3', orders));
    await inForce('3');
    expect(versions()).toEqual(['1', '3']);
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
    await meets(bridge.says('event: hello\ndata: {"schema":2,"bridge":"9"}\n\n', newer), /schema is 2/);
    bridge.send('event: weather\ndata: sunny\n\n');
    bridge.send(planEvent('3', { ...orders, colour: 'blue' }));
    await inForce('3');
  });

  test('when it is older and says less', async () => {
    const { port: _port, ...least } = orders;
    bridge.send(`event: hello\ndata: {}\n\n${planEvent('2', least)}`);
    await inForce('2');
    expect(adopted.at(-1)?.targets[0]?.port).toBe(80);
  });

  test('when it tells endpoints of targets that are not in the plan', async () => {
    const unknown = { host: 'unknown.shop', port: 80, hash: 'h', endpoints: [] };
    bridge.send(
      `event: endpoints\ndata: ${JSON.stringify(unknown)}\n\nevent: view\ndata: ${JSON.stringify({ ...unknown, endpoints: 3 })}\n\n`,
    );
    bridge.send(`event: gone\ndata: ${JSON.stringify({ version: '2', host: 'unknown.shop', port: 80 })}\n\n`);
    await inForce('2');
    expect(adopted.at(-1)?.targets).toHaveLength(1);
    expect(control?.views.of('unknown.shop:80')).toBeUndefined();
  });

  test('when it hangs: a stream without a sign of life is left for another one', async () => {
    // Pings every second were promised, and none comes.
    await until('it came again', () => bridge.streams.length >= 2);
    expect(said.some(({ message }) => message.includes('nothing came any more'))).toBe(true);
    expect(versions().every((version) => version === '1')).toBe(true);
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
    bridge.report = () => undefined;
    await meets((_request, response) => void response.writeHead(401, { 'content-type': 'application/json' }).end('{}'), /token/);
    await wellAgain();
    bridge.report = (_request, response) => void response.writeHead(500).end();
    control?.changed();
    await until('it was reported', () => bridge.reports.length > 0);
    await inForce('2');
  });

  test('when it is gone', async () => {
    await bridge.stop();
    await until('said', () => said.some(({ message }) => message.includes('ECONNREFUSED')));
    expect(versions()).toEqual(['1']);
    bridge = new ScriptedControl();
    bridge.stream = bridge.says(hello, planEvent('2', orders));
    await bridge.start(port);
    await inForce('2');
  });
});

describe('a lease', () => {
  const leased = { ...orders, leaseS: 3 };

  test('that is over takes its target to the SDK, and nothing else; it comes back with the control plane', async () => {
    bridge.stream = bridge.says(planEvent('1', leased, { ...orders, host: 'payments.shop' }));
    follow();
    await inForce('1');
    await bridge.stop();
    await until('the lease is over', () => adopted.at(-1)?.targets[0]?.rung === 'sdk');
    expect(adopted.at(-1)?.targets[1]?.rung).toBe('traffic');
    bridge = new ScriptedControl();
    bridge.stream = bridge.says(planEvent('1', leased));
    await bridge.start(port);
    await until('it is back', () => adopted.at(-1)?.targets[0]?.rung === 'traffic');
  });

  test('does not care where the wall clock jumps', async () => {
    const { now } = Date;
    bridge.stream = bridge.says(hello, planEvent('1', { ...orders, leaseS: 600 }));
    follow();
    await inForce('1');
    try {
      for (const jump of [86_400_000, -86_400_000]) {
        Date.now = () => now() + jump;
        bridge.send(planEvent(`after ${jump}`, { ...orders, leaseS: 600 }));
        await inForce(`after ${jump}`);
        expect(adopted.at(-1)?.targets[0]?.rung).toBe('traffic');
      }
    } finally {
      Date.now = now;
    }
  });
});

describe('the plan on disk', () => {
  const file = (): string => join(directory, 'isthmus-plan-web.json');
  const kept = async (): Promise<void> => {
    bridge.stream = bridge.says(hello, planEvent('1', orders));
    follow({ cacheDir: directory });
    await inForce('1');
    await until('it is written', () => {
      try {
        return statSync(file()).size > 0;
      } catch {
        return false;
      }
    });
    control?.close();
    await bridge.stop();
    bridge = new ScriptedControl();
    adopted = [];
  };

  test('is in force at once after a restart while the control plane is away, and is nobody else’s to read', async () => {
    await kept();
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    follow({ cacheDir: directory });
    expect(versions()).toEqual(['1']);
    bridge.stream = bridge.says(hello, planEvent('2', orders));
    await bridge.start(port);
    await inForce('2');
  });

  test.each<[string, () => void]>([
    ['that is nonsense', () => writeFileSync(file(), '{"schema":')],
    ['that others could have written', () => chmodSync(file(), 0o666)],
  ])('%s is not used', async (_, spoil) => {
    await kept();
    spoil();
    follow({ cacheDir: directory });
    expect(versions()).toEqual([]);
    expect(said.map(({ where }) => where)).toContain(file());
    bridge.stream = bridge.says(hello, planEvent('2', orders));
    await bridge.start(port);
    await inForce('2');
  });

  test('that cannot be written is said, and the plan is in force', async () => {
    writeFileSync(join(directory, 'file'), '');
    bridge.stream = bridge.says(hello, planEvent('1', orders));
    follow({ cacheDir: join(directory, 'file', 'below') });
    await inForce('1');
    await until('said', () => said.some(({ message }) => message.includes('ENOTDIR')));
  });
});
