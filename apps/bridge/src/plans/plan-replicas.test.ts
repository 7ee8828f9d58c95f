import { afterEach, expect, test } from '@jest/globals';
import { SharedLedger } from '@isthmus/ledger';
import { MemoryServer, MemoryStore } from '@isthmus/ledger/testing';
import { until } from '@isthmus/model/testing';
import { specify, steer } from './plan-changes.ts';
import { PlanWorld, memoryLedger, planOf, planText } from './testing/plan-world.ts';

interface Replica {
  readonly ledger: SharedLedger;
  readonly store: MemoryStore;
  readonly world: PlanWorld;
}

const open: Replica[] = [];
afterEach(async () => {
  for (const { world } of open) world.plans.close();
  await Promise.all(open.splice(0).map(({ ledger }) => ledger.close()));
});

function replica(server: MemoryServer, id: string): Replica {
  const store = new MemoryStore(server);
  const ledger = SharedLedger.start({
    store,
    local: memoryLedger(),
    sharedTables: ['plan'],
    self: { id },
    leaseMs: 2_000,
    monotonic: () => performance.now(),
    random: Math.random,
  });
  const made = { ledger, store, world: new PlanWorld(ledger) };
  open.push(made);
  return made;
}

const leads = ({ ledger }: Replica): boolean => ledger.writer.isWriter();

async function roles(...replicas: readonly Replica[]): Promise<readonly [Replica, Replica]> {
  await until('one leads', () => replicas.filter(leads).length === 1);
  const leader = replicas.find(leads) as Replica;
  return [leader, replicas.find((other) => other !== leader) as Replica];
}

test('agents of every replica are told when the store has it, and only the leader goes on', async () => {
  const server = new MemoryServer();
  const [leader, follower] = await roles(replica(server, 'a'), replica(server, 'b'));
  const change = specify(leader.world.plans, planOf(planText('orders', '{ rung: shadow, for: 1m }, { rung: traffic }')), 'api');
  if ('write' in change) change.write?.();
  expect([leader.world.told(), leader.world.plans.store.isPending('orders')]).toEqual([undefined, true]);
  expect(await leader.world.plans.store.settled('orders')).toBe(true);
  await until('both tell', () => [leader, follower].every(({ world }) => world.told() === 'shadow 100'));
  follower.world.pass(120_000);
  expect([follower.world.told(), follower.world.waits]).toEqual(['shadow 100', []]);
  leader.world.pass(60_000);
  await until('both tell', () => [leader, follower].every(({ world }) => world.told() === 'traffic 100'));
});

test('who takes over goes on where the plan is, and what the last leader could not write does not come after it', async () => {
  const server = new MemoryServer();
  const [leader, follower] = await roles(replica(server, 'a'), replica(server, 'b'));
  const change = specify(leader.world.plans, planOf(planText('orders', '{ rung: shadow, for: 1m }, { rung: traffic }')), 'api');
  if ('write' in change) change.write?.();
  await until('both tell', () => [leader, follower].every(({ world }) => world.told() === 'shadow 100'));
  leader.store.cut = true;
  const lost = steer(leader.world.plans, leader.world.plans.get('orders')!, 'promote');
  if ('write' in lost) lost.write?.();
  expect(await leader.world.plans.store.settled('orders')).toBe(false);
  await until('the other leads', () => leads(follower));
  expect([leader.world.told(), follower.world.told()]).toEqual(['shadow 100', 'shadow 100']);
  const back = steer(follower.world.plans, follower.world.plans.get('orders')!, 'rollback');
  if ('write' in back) back.write?.();
  leader.store.cut = false;
  await until('both are back', () => [leader, follower].every(({ world }) => world.told() === 'sdk 100'));
});
