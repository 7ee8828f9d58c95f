import { expect, test } from '@jest/globals';
import { othersIn } from './plan-desk.ts';

const agent = (address: string, connected = true, others: readonly string[] = []) => ({
  service: 'web',
  instance: address,
  connected,
  acknowledged: true,
  addresses: [address, ...others],
});
const client = (address: string) => ({ address, client: 'Nacos-Python-Client' });

test('subscribers that are left when those of connected agents are taken off, as many of an address as agents are there', () => {
  expect(othersIn([client('10.0.0.1'), client('10.0.0.2')], [agent('10.0.0.1')])).toEqual(['10.0.0.2 (Nacos-Python-Client)']);
  expect(othersIn([client('10.0.0.1'), client('10.0.0.1')], [agent('10.0.0.1')])).toHaveLength(1);
  expect(othersIn([client('10.0.0.1')], [agent('10.0.0.1', false)])).toHaveLength(1);
  expect(othersIn([{ address: '10.0.0.3', client: '' }], [])).toEqual(['10.0.0.3']);
  expect(othersIn([client('10.0.0.9')], [agent('127.0.0.1', true, ['10.0.0.9'])])).toEqual([]); // what Nacos's clients say they are
  expect(othersIn([], [agent('10.0.0.1')])).toEqual([]);
});
