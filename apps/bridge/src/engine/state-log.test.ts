import type { ScopeState } from '@isthmus/catalog';
import type { SourceStatus } from '@isthmus/model';
import { expect, test } from '@jest/globals';
import { StateLog } from './state-log.ts';

const stale = (cause: string): SourceStatus => ({ state: 'stale', since: 0, cause });
const LIVE: SourceStatus = { state: 'live' };

function logged() {
  const lines: string[] = [];
  let now = 0;
  let states: readonly ScopeState[] = [];
  const write = (level: string) => (_fields: object, text: string) => lines.push(`${level} ${text}`);
  const log = new StateLog({ info: write('info'), warn: write('warn') } as never, () => states, { now: () => now });
  return {
    lines,
    /** What is logged when these are the states of the scopes `source/group`, so many ms later. */
    look: (statuses: Readonly<Record<string, SourceStatus>>, later = 0): readonly string[] => {
      now += later;
      states = Object.entries(statuses).map(([name, status]) => {
        const [source = '', group = ''] = name.split('/');
        return { scope: { source, namespace: 'public', group }, status, records: new Map([['a', {}]]) } as unknown as ScopeState;
      });
      log.look();
      return lines.splice(0);
    },
  };
}

test('a registry that cannot be read is one line with its cause, one that can again another', () => {
  const { look } = logged();
  expect(look({ 'k8s/a': { state: 'syncing' } })).toEqual([]);
  expect(look({ 'k8s/a': stale('403 Forbidden'), 'k8s/b': stale('403 Forbidden'), 'k8s/c': LIVE, 'nacos/a': LIVE })).toEqual([
    'warn k8s: stale in 2 of 3 scopes, nothing of it is removed: 403 Forbidden; `isthmus doctor` says what to do',
    'info nacos: live, 1 services',
  ]);
  expect(look({ 'k8s/a': LIVE, 'k8s/b': LIVE, 'k8s/c': LIVE, 'nacos/a': LIVE })).toEqual(['info k8s: live, 3 services']);
  expect(look({ 'k8s/a': LIVE, 'k8s/b': LIVE, 'k8s/c': LIVE })).toEqual([]);
});

test('a registry that fails now in one way, now in another says so once a minute', () => {
  const { look } = logged();
  expect(look({ 'n/a': stale('refused') })).toHaveLength(1);
  expect(look({ 'n/a': stale('timeout') }, 59_999)).toEqual([]);
  expect(look({ 'n/a': stale('timeout') }, 1)).toHaveLength(1);
  expect(look({ 'n/a': stale('timeout') }, 600_000)).toEqual([]);
});

test('the worst of its scopes is what is said of a registry', () => {
  const { look } = logged();
  expect(look({ 'n/a': { state: 'partial', cause: 'one service' }, 'n/b': stale('refused') })).toEqual([
    expect.stringContaining('n: stale in 1 of 2 scopes'),
  ]);
  expect(look({ 'n/a': { state: 'partial', cause: 'one service' }, 'n/b': LIVE })).toEqual([
    expect.stringContaining('n: partial in 1 of 2 scopes, what cannot be read stays: one service'),
  ]);
});

test('a registry that the config no longer has is forgotten', () => {
  const { look } = logged();
  expect(look({ 'n/a': LIVE })).toHaveLength(1);
  expect(look({})).toEqual([]);
  expect(look({ 'n/a': LIVE })).toHaveLength(1);
});
