import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Collector } from '@isthmus/registry/testing';
import { FakeZookeeper } from './testing/fake-zookeeper.ts';
import { causeOf, openSource, stateOf } from './testing/open-source.ts';
import { providerUrl } from './testing/registrations.ts';

/** A self-signed certificate for localhost and 127.0.0.1, made for tests only. */
const dir = join(import.meta.dirname, 'testdata', 'tls');
const caFile = join(dir, 'localhost.pem');

let fake: FakeZookeeper;
let view: Collector | undefined;
beforeEach(async () => {
  fake = await FakeZookeeper.start({ key: readFileSync(join(dir, 'localhost-key.pem')), cert: readFileSync(caFile) });
  fake.tree.set(`/dubbo/a.B/providers/${providerUrl('10.0.0.1:20880', 'a.B', {})}`);
});
afterEach(async () => {
  await view?.stop();
  await fake.down();
});

describe('a secureClientPort', () => {
  test('is read when its certificate is trusted', async () => {
    view = openSource(fake.address, { tls: { caFile } });
    await view.until('live', (v) => stateOf(v) === 'live');
    expect(view.endpoints('providers:a.B::')).toHaveLength(1);
  });

  test('is stale with the reason when it is not', async () => {
    view = openSource(fake.address, { tls: {} });
    await view.until('stale', (v) => stateOf(v) === 'stale');
    expect(causeOf(view)).toMatch(/self.signed certificate/i);
  });

  test('is stale with the reason when it is spoken to without TLS', async () => {
    view = openSource(fake.address);
    await view.until('stale', (v) => stateOf(v) === 'stale');
    expect(causeOf(view)).toMatch(/closed|silent|no sign of life|no ZooKeeper|ECONNRESET/);
  });

  test('is stale with the reason when the file of its authority cannot be read', async () => {
    view = openSource(fake.address, { tls: { caFile: 'none/at/all.pem' } });
    await view.until('stale', (v) => stateOf(v) === 'stale');
    expect(causeOf(view)).toContain('none/at/all.pem');
  });
});
