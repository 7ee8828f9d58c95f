import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { FollowedControl } from './testing/followed-control.ts';
import { ScriptedControl, hello, orders, planEvent } from './testing/scripted-control.ts';

let world: FollowedControl;
beforeEach(async () => void (world = await FollowedControl.open()));
afterEach(() => world.close());

describe('the plan on disk', () => {
  const file = (): string => join(world.directory, 'isthmus-plan-web.json');
  /** Also where a test ends: a write under way would make the directory anew after it. */
  const written = (version: string): Promise<void> =>
    until(`plan ${version} is written`, () => {
      try {
        return (JSON.parse(readFileSync(file(), 'utf8')) as { readonly version?: string }).version === version;
      } catch {
        return false;
      }
    });
  const kept = async (): Promise<void> => {
    world.bridge.stream = world.bridge.says(hello, planEvent('1', orders));
    world.follow({ cacheDir: world.directory });
    await world.inForce('1');
    await written('1');
    world.control?.close();
    await world.bridge.stop();
    world.bridge = new ScriptedControl();
    world.adopted = [];
  };

  test('is in force at once after a restart while the control plane is away, and is nobody else’s to read', async () => {
    await kept();
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    world.follow({ cacheDir: world.directory });
    expect(world.versions()).toEqual(['1']);
    world.bridge.stream = world.bridge.says(hello, planEvent('2', orders));
    await world.bridge.start(world.port);
    await world.inForce('2');
    await written('2');
  });

  test.each<[string, () => void]>([
    ['that is nonsense', () => writeFileSync(file(), '{"schema":')],
    ['that others could have written', () => chmodSync(file(), 0o666)],
  ])('%s is not used', async (_, spoil) => {
    await kept();
    spoil();
    world.follow({ cacheDir: world.directory });
    expect(world.versions()).toEqual([]);
    expect(world.said.map(({ where }) => where)).toContain(file());
    world.bridge.stream = world.bridge.says(hello, planEvent('2', orders));
    await world.bridge.start(world.port);
    await world.inForce('2');
    await written('2');
  });

  test('that cannot be written is said, and the plan is in force', async () => {
    writeFileSync(join(world.directory, 'file'), '');
    world.bridge.stream = world.bridge.says(hello, planEvent('1', orders));
    world.follow({ cacheDir: join(world.directory, 'file', 'below') });
    await world.inForce('1');
    await until('said', () => world.said.some(({ message }) => message.includes('ENOTDIR')));
  });
});
