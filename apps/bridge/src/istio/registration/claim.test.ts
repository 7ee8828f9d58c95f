import { expect, test } from '@jest/globals';
import { claimOf } from './claim.ts';

const claimed = (address: string, from = '10.0.0.7:40000') =>
  claimOf(
    {
      ...{ id: 'sidecar~10.0.0.7~vm-1.shop~shop.svc.cluster.local', cluster: '', userAgent: '' },
      metadata: { AUTO_REGISTER_GROUP: 'vm', NAMESPACE: 'shop', INSTANCE_IPS: address },
    },
    { address: from, identity: undefined },
    { namespace: 'isthmus', domain: 'cluster.local' },
  );

test.each([
  '0.0.0.0',
  '0.1.2.3',
  '169.254.1.2',
  '224.0.0.1',
  '239.1.2.3',
  '255.255.255.255',
  '::',
  '0:0:0:0:0:0:0:0',
  '::ffff:10.0.0.7',
  '0:0:0:0:0:ffff:a00:7',
  '0000:0000:0000:0000:0000:FFFF:0a00:0007',
  '::ffff:0.0.0.0',
  'fe80::1',
  'FEBF::1',
  'fe80::1%eth0',
  'fd00::1%eth0',
  'ff02::1',
])('at %s nobody can call a workload', (address) => {
  expect(claimed(address)).toMatchObject({ refused: `its address is ${address}, at which nobody can call a workload` });
});

test.each(['127.0.0.1', '127.200.0.1', '::1', '0:0:0:0:0:0:0:1', '0000::0001'])(
  'at %s each caller would call itself, except on one machine',
  (address) => {
    const refused = `its address is ${address}, and it connects from another machine: every caller would call itself`;
    for (const peer of ['10.0.0.7:1', 'fd00::7:1', 'unknown']) expect(claimed(address, peer)).toMatchObject({ refused });
    for (const peer of ['127.0.0.1:1', '127.0.3.4:1', '::1:40000', '::ffff:127.0.0.1:40000'])
      expect(claimed(address, peer)).not.toHaveProperty('refused');
  },
);

test.each([
  ['10.0.0.7', '10.0.0.7'],
  ['fd00::7', 'fd00::7'],
  ['FD00:0:0::0007', 'fd00::7'],
  ['fd00:0:0:0:0:0:0:7', 'fd00::7'],
  ['fec0::1', 'fec0::1'],
])('%s is written as %s: one workload has one entry', (address, written) => {
  expect(claimed(address)).toMatchObject({ address: written });
});
