import { describe, expect, test } from '@jest/globals';
import { concerns, overridden, overrideOf } from './dubbo-override.ts';
import type { DubboOverride } from './dubbo-override.ts';
import { parseDubboUrl } from './dubbo-url.ts';
import type { DubboUrl } from './dubbo-url.ts';

function urlOf(text: string): DubboUrl {
  const parsed = parseDubboUrl(text);
  if (!('url' in parsed)) throw new Error(parsed.problem);
  return parsed.url;
}
const override = (text: string) => overrideOf(urlOf(text));
const present = (text: string): DubboOverride => {
  const found = override(text);
  if (found === undefined) throw new Error(`${text} does not concern us`);
  return found;
};
const provider = urlOf('dubbo://10.0.0.1:20880/a.B?application=shop&weight=100');
const after = (...texts: string[]) => overridden(provider, texts.map(present)).parameters;

describe('a configurator of Dubbo', () => {
  test('for all providers changes the weight', () => {
    expect(after('override://0.0.0.0/a.B?category=configurators&weight=20')).toMatchObject({ weight: '20' });
  });

  test('for one provider disables that one only', () => {
    expect(after('override://10.0.0.1:20880/a.B?disabled=true')).toMatchObject({ disabled: 'true' });
    expect(after('override://10.0.0.2:20880/a.B?disabled=true')).toEqual(provider.parameters);
    expect(after('override://10.0.0.1:20881/a.B?disabled=true')).toEqual(provider.parameters);
    expect(after('override://0.0.0.0:20881/a.B?disabled=true')).toEqual(provider.parameters);
  });

  test('for one provider wins over the one for all, and the higher priority over the lower', () => {
    const one = 'override://10.0.0.1:20880/a.B?weight=1';
    const all = 'override://0.0.0.0/a.B?weight=2&priority=9';
    expect(after(one, all)['weight']).toBe('1');
    expect(after(all, one)['weight']).toBe('1');
    expect(after('override://0.0.0.0/a.B?weight=3&priority=1', all)['weight']).toBe('2');
    expect(after(all, 'override://0.0.0.0/a.B?weight=3&priority=1')['weight']).toBe('2');
  });

  test('of the kind absent:// changes only what the provider does not say', () => {
    expect(after('absent://0.0.0.0/a.B?weight=7&disabled=true')).toMatchObject({ weight: '100', disabled: 'true' });
  });

  test('for the providers of another application changes nothing', () => {
    expect(after('override://0.0.0.0/a.B?weight=7&application=other')).toEqual(provider.parameters);
    expect(after('override://0.0.0.0/a.B?weight=7&application=shop')['weight']).toBe('7');
    expect(after('override://0.0.0.0/a.B?weight=7&application=*')['weight']).toBe('7');
  });

  test.each([
    'override://0.0.0.0/a.B?timeout=100',
    'override://0.0.0.0/a.B?weight=5&enabled=false',
    'override://0.0.0.0/a.B?weight=5&side=consumer',
    'override://10.0.0.9/a.B?weight=5',
    'condition://0.0.0.0/a.B?weight=5',
  ])('%s does not concern us: other settings, switched off, for consumers', (text) => {
    expect(override(text)).toBeUndefined();
  });

  test('concerns the service whose version and group it names', () => {
    const service = { interfaceName: 'a.B', version: '1.0.0', group: 'g1' };
    expect(concerns(present('override://0.0.0.0/a.B?weight=5&version=1.0.0&group=g1'), service)).toBe(true);
    expect(concerns(present('override://0.0.0.0/a.B?weight=5&version=*&group=*'), service)).toBe(true);
    expect(concerns(present('override://0.0.0.0/a.B?weight=5'), service)).toBe(false);
    expect(concerns(present('override://0.0.0.0/a.B?weight=5'), { ...service, version: '', group: '' })).toBe(true);
  });
});
