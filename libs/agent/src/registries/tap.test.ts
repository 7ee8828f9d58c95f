import { describe, expect, test } from '@jest/globals';
import { tap } from './tap.ts';

class Client {
  readonly name = 'client';
  add(a: number, b: number): string {
    return `${this.name} ${a + b}`;
  }
  async find(key: string): Promise<string> {
    if (key === '') throw new Error('no key');
    return `${this.name} ${key}`;
  }
}

const faults: unknown[] = [];
const fault = (error: unknown): void => void faults.push(error);
const broken = (): never => {
  throw new Error('of a wrapper');
};

describe('a method that is watched', () => {
  test('has the same `this`, arguments, value, name and length', async () => {
    const client = new Client();
    const seen: unknown[] = [];
    tap(client, 'add', { before: (self, args) => seen.push(self, args), after: (_, __, value) => seen.push(value) }, fault);
    expect(client.add(1, 2)).toBe('client 3');
    expect(client.add.call({ name: 'other' } as unknown as Client, 1, 2)).toBe('other 3');
    expect(seen).toEqual([client, [1, 2], 'client 3', { name: 'other' }, [1, 2], 'other 3']);
    expect([client.add.name, client.add.length]).toEqual(['add', 2]);
    expect(Object.keys(client)).toEqual(['name']);
  });

  test('of a class is watched in all its clients, also in one that was made before', async () => {
    class Other extends Client {}
    const client = new Other();
    const seen: unknown[] = [];
    tap(Other.prototype, 'find', { kept: (_, __, value) => seen.push(value) }, fault);
    expect(await client.find('a')).toBe('client a');
    expect(await new Other().find('b')).toBe('client b');
    expect(seen).toEqual(['client a', 'client b']);
  });

  test('fails with the same error, at once or later', async () => {
    const client = new Client();
    const errors: unknown[] = [];
    const failed = (_: unknown, __: unknown, error: unknown): void => void errors.push(error);
    tap(client, 'find', { failed }, fault);
    await expect(client.find('')).rejects.toThrow('no key');
    const thrower = { go: broken };
    tap(thrower, 'go', { failed }, fault);
    expect(() => thrower.go()).toThrow('of a wrapper');
    expect(errors).toHaveLength(2);
  });

  test('does what it did when who watches it fails, and the fault is told', async () => {
    const client = new Client();
    faults.length = 0;
    tap(client, 'add', { before: broken, instead: broken, after: broken }, fault);
    tap(client, 'find', { before: broken, after: broken, kept: broken, failed: broken }, fault);
    expect(client.add(1, 2)).toBe('client 3');
    expect(await client.find('a')).toBe('client a');
    await expect(client.find('')).rejects.toThrow('no key');
    expect(faults).toHaveLength(9);
  });

  test('is watched once, however often it is asked for, and one that is missing is no fault', () => {
    const client = new Client();
    let calls = 0;
    for (let time = 0; time < 2; time += 1) tap(client, 'add', { before: () => (calls += 1) }, fault);
    client.add(1, 2);
    expect(calls).toBe(1);
    expect(tap(client, 'none', {}, fault)).toBe(false);
  });
});
