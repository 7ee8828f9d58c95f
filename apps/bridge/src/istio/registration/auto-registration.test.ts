import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { MemoryLedger } from '@isthmus/ledger';
import { IstioConfigStore, parseIstioYaml } from '@isthmus/policy';
import type { NodeInfo, Peer, PeerIdentity } from '@isthmus/xds';
import { AutoRegistration } from './auto-registration.ts';
import type { RegistrationOptions } from './auto-registration.ts';

const GROUP = `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: vm, namespace: shop }
spec:
  metadata: { labels: { app: orders, tier: group }, annotations: { team: a } }
  template: { ports: { http: 8080 }, serviceAccount: orders, weight: 3, labels: { app: template, from: template } }
`;

/** Timers that a test runs. */
class Later {
  readonly waiting = new Set<{ readonly ms: number; readonly run: () => void }>();
  after(ms: number, run: () => void): () => void {
    const one = { ms, run };
    this.waiting.add(one);
    return () => void this.waiting.delete(one);
  }
  get delays(): readonly number[] {
    return [...this.waiting].map(({ ms }) => ms);
  }
  pass(): void {
    for (const one of [...this.waiting]) if (this.waiting.delete(one)) one.run();
  }
}

let store: IstioConfigStore;
let ledger: MemoryLedger;
let later: Later;
let registration: AutoRegistration;

function begin(more: Pick<RegistrationOptions, 'most' | 'mostWaiting'> = {}): void {
  store = new IstioConfigStore();
  later = new Later();
  const defaults = { namespace: 'isthmus', domain: 'cluster.local' };
  registration = new AutoRegistration({ store, ledger, timers: later, defaults, graceMs: () => 10_000, ...more });
}

function groups(text = GROUP): void {
  store.set('groups.yaml', parseIstioYaml(text, { file: 'groups.yaml', defaultNamespace: 'shop' }));
  registration.rulesWereRead();
}

beforeEach(() => {
  ledger = new MemoryLedger();
  begin();
  groups();
});

const PEER: Peer = { address: '10.0.0.7:40000', identity: undefined };
const node = (metadata: object = {}, more: Partial<NodeInfo> = {}): NodeInfo => ({
  id: 'sidecar~10.0.0.7~vm-1.shop~shop.svc.cluster.local',
  cluster: '',
  userAgent: 'envoy 1.40.0',
  metadata: { AUTO_REGISTER_GROUP: 'vm', NAMESPACE: 'shop', ...metadata },
  ...more,
});
const PROBED = { PROXY_CONFIG: { readinessProbe: { httpGet: { port: 8080 } } } };
const entries = () => [...store.objects('WorkloadEntry')].map(({ name }) => name);
const problems = () => registration.diagnostics().map(({ what }) => what);
const open = (info = node(), peer = PEER) => registration.opened(info, peer)!;

describe('of several connections of one workload', () => {
  const labelled = (app: string, more: object = {}): NodeInfo => node({ ...PROBED, LABELS: { app }, ...more });
  const labels = () => registration.workloads().map(({ claim }) => claim.labels['app']);

  test('the last that is left says what it is', () => {
    open(labelled('one'));
    const two = open(labelled('two'));
    open(labelled('three')).close();
    expect(labels()).toEqual(['two']);
    two.close();
    expect(labels()).toEqual(['one']);
  });

  test('the last one’s report counts, and that of another one when the last has ended', () => {
    const one = open(labelled('one'));
    const two = open(labelled('two'));
    two.health(undefined);
    expect(entries()).toHaveLength(1);
    one.health('no answer');
    expect(entries()).toHaveLength(1);
    two.close();
    expect(entries()).toEqual([]);
    one.health(undefined);
    expect(entries()).toHaveLength(1);
  });
});

describe('a row of the ledger that is none', () => {
  test.each([
    ['null', null],
    ['another shape', { claim: { node: 'n' }, well: true }],
    ['a list', []],
  ])('costs itself and is told: %s', (_, row) => {
    open();
    const [[key, good] = ['', undefined]] = [...ledger.entries('registered')];
    ledger = new MemoryLedger();
    ledger.put('registered', 'shop/damaged', row);
    ledger.put('registered', key, good);
    ledger.put('registered', 'shop/of-another-name', good);
    begin();
    groups();
    expect(entries()).toHaveLength(1);
    expect(problems()).toEqual(Array.from({ length: 2 }, () => 'what the ledger has of it is no workload'));
    expect(registration.refusals).toBe(2);
    expect([...ledger.entries('registered').keys()]).toEqual([key]);
  });
});

describe('a proxy that names a WorkloadGroup', () => {
  test('is a WorkloadEntry of its template, its metadata and what the proxy says, as istiod makes it', () => {
    open(
      node(
        { INSTANCE_IPS: '10.1.0.7,10.1.0.8', NETWORK: 'net1', LABELS: { app: 'own', 'istio-locality': 'x.y' } },
        { locality: { region: 'eu', zone: 'a', subzone: '' } },
      ),
    );
    const [entry] = store.objects('WorkloadEntry');
    expect(entry).toMatchObject({
      name: 'vm-10.1.0.7-net1',
      namespace: 'shop',
      labels: { app: 'own', tier: 'group', from: 'template' },
      annotations: { 'istio.io/autoRegistrationGroup': 'vm', team: 'a' },
      place: 'proxy sidecar~10.0.0.7~vm-1.shop~shop.svc.cluster.local',
      spec: {
        address: '10.1.0.7',
        network: 'net1',
        locality: 'eu/a',
        ports: { http: 8080 },
        weight: 3,
        serviceAccount: 'orders',
        labels: { app: 'own', tier: 'group', from: 'template' },
      },
    });
  });

  test('of IPv6 has dashes in its name', () => {
    open(node({ INSTANCE_IPS: 'fd00::7' }));
    expect(entries()).toEqual(['vm-fd00--7']);
  });

  test('stays for the grace when its last connection has ended, and then goes', () => {
    const [first, second] = [open(), open()];
    first.close();
    expect(later.delays).toEqual([]);
    second.close();
    expect(later.delays).toEqual([10_000]);
    expect(entries()).toEqual(['vm-10.0.0.7']);
    expect(registration.workloads()).toMatchObject([{ name: 'vm-10.0.0.7', state: 'away' }]);
    later.pass();
    expect(entries()).toEqual([]);
    expect(ledger.entries('registered').size).toBe(0);
  });

  test('that comes back within the grace changes nothing', () => {
    const changes: unknown[] = [];
    open().close();
    store.onChange((some) => changes.push(...some));
    const again = open();
    expect(later.delays).toEqual([]);
    expect(changes).toEqual([]);
    again.close();
    expect(later.delays).toEqual([10_000]);
  });

  test('is what it says last', () => {
    open();
    open(node({ LABELS: { version: 'v2' } }));
    expect([...store.objects('WorkloadEntry')].map(({ spec }) => spec.labels['version'])).toEqual(['v2']);
  });

  test('follows its group, and goes and comes with it', () => {
    open();
    groups(GROUP.replace('8080', '9090'));
    expect([...store.objects('WorkloadEntry')].map(({ spec }) => spec.ports)).toEqual([{ http: 9090 }]);
    store.set('groups.yaml', undefined);
    expect(entries()).toEqual([]);
    expect(problems()).toEqual(['there is no WorkloadGroup shop/vm']);
    groups();
    expect(entries()).toEqual(['vm-10.0.0.7']);
    expect(problems()).toEqual([]);
  });

  test('of many that follow their group is told as one change', () => {
    for (let at = 1; at <= 20; at += 1) open(node({ INSTANCE_IPS: `10.2.0.${at}` }));
    const changes: number[] = [];
    store.onChange((some) => changes.push(some.filter(({ after }) => after?.kind === 'WorkloadEntry').length));
    groups(GROUP.replace('8080', '9090'));
    expect(changes.filter((count) => count > 0)).toEqual([20]);
  });

  test('of very many is made and told in slices, and what one says meanwhile is not lost', async () => {
    const sessions = Array.from({ length: 500 }, (_, at) =>
      open(node({ INSTANCE_IPS: `10.2.${at >> 8}.${at % 256}`, ...PROBED })),
    );
    for (const session of sessions) session.health(undefined);
    const made = jest.spyOn(store, 'get');
    groups(GROUP.replace('8080', '9090'));
    expect(made.mock.calls.length).toBeLessThan(100);
    sessions[0]?.health('it is down');
    sessions[499]?.health('it is down');
    await store.settled;
    const ports = [...store.objects('WorkloadEntry')].map(({ spec }) => spec.ports['http']);
    expect([ports.length, new Set(ports)]).toEqual([498, new Set([9090])]);
  });

  test('is not in force where somebody has written an entry of that name', () => {
    const written = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm-10.0.0.7, namespace: shop }
spec: { address: 10.9.9.9 }
`;
    open();
    store.set('written.yaml', parseIstioYaml(written, { file: 'written.yaml', defaultNamespace: 'shop' }));
    expect([...store.objects('WorkloadEntry')].map(({ spec }) => spec.address)).toEqual(['10.9.9.9']);
    expect(registration.workloads()).toMatchObject([
      { state: 'refused', problem: "the WorkloadEntry of that name that is in force is another one's, written.yaml:1:1" },
    ]);
  });
});

describe('a restart of the bridge', () => {
  test('is like a pause of its connections, longer than an Envoy rests between two attempts', () => {
    open();
    begin();
    expect(problems()).toEqual([]);
    groups();
    expect(entries()).toEqual(['vm-10.0.0.7']);
    expect(later.delays).toEqual([60_000]);
    open();
    expect(later.delays).toEqual([]);
    begin();
    groups();
    later.pass();
    expect(entries()).toEqual([]);
  });

  test('forgets nothing of how the workload was', () => {
    open(node(PROBED)).health(undefined);
    begin();
    groups();
    expect(entries()).toEqual(['vm-10.0.0.7']);
  });

  test('misses no group before the rules were read', () => {
    begin();
    open();
    expect([problems(), registration.refusals]).toEqual([[], 0]);
    groups();
    expect(entries()).toEqual(['vm-10.0.0.7']);
  });

  test('ends connections with the bridge, not workloads', () => {
    const session = open();
    registration.close();
    session.close();
    expect(later.delays).toEqual([]);
    expect(ledger.entries('registered').size).toBe(1);
  });
});

describe('with a probe', () => {
  test('it is called once its agent says that it is well, and no more when it is not', () => {
    const session = open(node(PROBED));
    expect(entries()).toEqual([]);
    expect(registration.workloads()).toMatchObject([{ state: 'unwell' }]);
    session.health(undefined);
    expect(entries()).toEqual(['vm-10.0.0.7']);
    session.health('connection refused');
    expect(entries()).toEqual([]);
    session.health(undefined);
    expect(entries()).toEqual(['vm-10.0.0.7']);
  });

  test('what is reported without one changes nothing', () => {
    open().health('connection refused');
    expect(entries()).toEqual(['vm-10.0.0.7']);
  });
});

describe('is served, and nobody calls it', () => {
  const identity = (...uris: string[]): PeerIdentity => ({ uris, dnsNames: [], commonName: '', fingerprint: '' });
  const known = (...uris: string[]): Peer => ({ ...PEER, identity: identity(...uris) });

  test.each([
    ['of an address that is none', { INSTANCE_IPS: 'ten' }, { id: 'vm-1' }, 'its address is "", which is no IP'],
    ['of everybody’s address', { INSTANCE_IPS: '0.0.0.0' }, {}, 'its address is 0.0.0.0, at which nobody can call a workload'],
    [
      'of a loopback address elsewhere',
      { INSTANCE_IPS: '127.0.0.1' },
      {},
      'its address is 127.0.0.1, and it connects from another machine: every caller would call itself',
    ],
    ['of no such group', { AUTO_REGISTER_GROUP: 'other' }, {}, 'there is no WorkloadGroup shop/other'],
    ['with labels that are none', { LABELS: { app: 'a b' } }, {}, 'its spec.labels.app is "a b"'],
    ['with a network that is no name', { NETWORK: 'A_B' }, {}, 'its metadata.name is "vm-10.0.0.7-A_B"'],
  ])('%s', (_, metadata, more, what) => {
    const session = open(node(metadata, more));
    expect(entries()).toEqual([]);
    expect(problems()).toEqual([what]);
    expect(registration.refusals).toBe(1);
    session.close();
    later.pass();
    expect(problems()).toEqual([]);
  });

  test('as another account than its certificate has', () => {
    open(node(), known('spiffe://cluster.local/ns/shop/sa/web'));
    open(node({ INSTANCE_IPS: '10.0.0.8' }), known('spiffe://cluster.local/ns/other/sa/orders'));
    open(node({ INSTANCE_IPS: '10.0.0.9' }), known());
    expect(entries()).toEqual([]);
    expect(problems()).toHaveLength(3);
    open(node({ INSTANCE_IPS: '10.0.0.10' }), known('spiffe://cluster.local/ns/shop/sa/orders'));
    expect(entries()).toEqual(['vm-10.0.0.10']);
  });

  test.each([
    ['once the rules were read', true],
    ['before they were', false],
  ])('as another account than its certificate has, and takes nothing from whoever has it: %s', (_, wereRead) => {
    begin();
    if (wereRead) groups();
    const one = open(node(PROBED), known('spiffe://cluster.local/ns/shop/sa/orders'));
    one.health(undefined);
    const other = open(node(PROBED), known('spiffe://cluster.local/ns/other/sa/orders'));
    other.health('it is down');
    if (!wereRead) groups();
    expect(entries()).toEqual(['vm-10.0.0.7']);
    expect(problems()).toHaveLength(1);
    other.close();
    later.pass();
    expect([entries(), problems()]).toEqual([['vm-10.0.0.7'], []]);
    one.close();
    later.pass();
    expect([entries(), ledger.entries('registered').size]).toEqual([[], 0]);
  });

  test('beyond the most', () => {
    begin({ most: 1 });
    groups();
    open();
    open(node({ INSTANCE_IPS: '10.0.0.8' }));
    expect(entries()).toEqual(['vm-10.0.0.7']);
    expect(problems()).toEqual(['1 workloads are registered already']);
  });

  const stranger = (address: string) => node({ INSTANCE_IPS: address, AUTO_REGISTER_GROUP: 'other' });

  test('and takes no place of one that may', () => {
    begin({ most: 1, mostWaiting: 1 });
    groups();
    const refused = open(stranger('10.0.0.1'));
    open(stranger('10.0.0.2'));
    open();
    expect(entries()).toEqual(['vm-10.0.0.7']);
    expect(problems()).toEqual(Array(2).fill('there is no WorkloadGroup shop/other'));
    refused.close(); // its last: nobody waits for its return
    expect([problems().length, later.delays]).toEqual([1, []]);
  });

  test('until its group comes, as long as there is room', () => {
    begin({ most: 2, mostWaiting: 2 });
    groups();
    for (const at of [1, 2, 3]) open(stranger(`10.0.0.${at}`));
    open();
    groups(`${GROUP}---\n${GROUP.replace('name: vm', 'name: other')}`);
    expect(entries().sort()).toEqual(['other-10.0.0.1', 'vm-10.0.0.7']);
    expect(problems().sort()).toEqual(['2 workloads are registered already', 'there is no WorkloadGroup shop/other']);
  });

  test('once the rules are read: before that it has a place', () => {
    begin({ most: 1 });
    open(stranger('10.0.0.1'));
    open();
    expect(problems()).toEqual(['1 workloads are registered already']);
    groups();
    open();
    expect(entries()).toEqual(['vm-10.0.0.7']);
  });

  test('of two with one node id each connection has its own', () => {
    open(node(), known('spiffe://cluster.local/ns/shop/sa/orders'));
    open(node(), { ...known('spiffe://cluster.local/ns/other/sa/orders'), address: '10.0.0.9:1' });
    const seen = registration.workloads().map(({ state, connections }) => [state, connections[0]?.address]);
    expect(seen.sort()).toEqual([
      ['in', PEER.address],
      ['refused', '10.0.0.9:1'],
    ]);
  });

  test('where two accounts may: of one name one is in force, and the other is told so', () => {
    groups(GROUP.replace('serviceAccount: orders, ', ''));
    open(node(), known('spiffe://cluster.local/ns/shop/sa/a'));
    open(node({ LABELS: { app: 'b' } }), known('spiffe://cluster.local/ns/shop/sa/b'));
    expect(registration.workloads().map(({ state, claim }) => [state, claim.accounts])).toEqual([
      ['in', ['shop/a']],
      ['refused', ['shop/b']],
    ]);
  });

  test('without naming a group it is none of ours', () => {
    expect(registration.opened(node({ AUTO_REGISTER_GROUP: '' }), PEER)).toBeUndefined();
  });
});
