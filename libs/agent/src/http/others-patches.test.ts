import http from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentInternals } from './egress-agent.ts';
import { patchHttp } from './patch-http.ts';
import { serve } from './testing/recorded-server.ts';
import type { Server } from './testing/recorded-server.ts';
import { recordedSeam } from './testing/recorded-seam.ts';
import type { RecordedSeam } from './testing/recorded-seam.ts';

const prototype = http.Agent.prototype as unknown as AgentInternals;
const original = prototype.addRequest;

let instance: Server;
let egress: Server;
let seam: RecordedSeam;
let undo: (() => void)[];

function call(): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: instance.port, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
    });
    request.once('error', reject);
  });
}

/** What a tracer does: wraps the method that is there, and may put that one back. */
function patchAsTracer(): { readonly seen: string[]; undo(): void } {
  const before = prototype.addRequest;
  const seen: string[] = [];
  prototype.addRequest = function (this: http.Agent, request, options, ...more) {
    seen.push(request.method);
    before.call(this, request, options, ...more);
  };
  return { seen, undo: () => (prototype.addRequest = before) };
}

beforeEach(async () => {
  instance = await serve('instance');
  egress = await serve('egress');
  seam = recordedSeam(egress.port, instance.port);
  undo = [];
});
afterEach(async () => {
  for (const one of undo) one();
  prototype.addRequest = original;
  await Promise.all([instance.kill(), egress.kill()]);
});

describe('where a tracer patched before us', () => {
  test('both see each call once, and undone ours leaves its patch in place', async () => {
    const tracer = patchAsTracer();
    const patched = prototype.addRequest;
    const off = patchHttp(seam);
    expect(await call()).toBe('egress');
    expect(tracer.seen).toEqual(['GET']);
    off();
    expect(prototype.addRequest).toBe(patched);
    expect(await call()).toBe('instance');
    tracer.undo();
    expect(prototype.addRequest).toBe(original);
  });
});

describe('where a tracer patches after us', () => {
  test('ours undone leaves its patch in place, and does nothing from below it', async () => {
    const off = patchHttp(seam);
    const tracer = patchAsTracer();
    expect(await call()).toBe('egress');
    off();
    expect(await call()).toBe('instance');
    expect(tracer.seen).toEqual(['GET', 'GET']);
    // And back.
    undo.push(patchHttp(seam));
    expect(await call()).toBe('egress');
    expect(tracer.seen).toEqual(['GET', 'GET', 'GET']);
    expect(seam.said).toEqual([]);
  });

  test('and is undone after us, the method is where it was but for a layer that does nothing', async () => {
    const off = patchHttp(seam);
    const tracer = patchAsTracer();
    off();
    tracer.undo();
    expect(await call()).toBe('instance');
    undo.push(patchHttp(seam));
    expect(await call()).toBe('egress');
  });
});

describe('a second copy of the agent', () => {
  test('leaves the calls to the first and says so; it does not undo the first', async () => {
    undo.push(patchHttp(seam));
    const second = recordedSeam(1, instance.port);
    const off = patchHttp(second);
    expect(await call()).toBe('egress');
    expect(second.said).toMatchObject([{ code: 'second-agent', where: 'http' }]);
    off();
    expect(await call()).toBe('egress');
  });

  test('that moves calls all the same, as an older version would, does not have them moved twice', async () => {
    undo.push(patchHttp(seam));
    const moved: string[] = [];
    const before = prototype.addRequest;
    prototype.addRequest = function (this: http.Agent, request, options, ...more) {
      const agent = new http.Agent();
      Object.defineProperty(agent, Symbol.for('isthmus.agent.egress'), { value: true });
      moved.push(request.method);
      before.call(agent, request, options, ...more);
    };
    expect(await call()).toBe('instance');
    expect(moved).toEqual(['GET']);
  });
});
