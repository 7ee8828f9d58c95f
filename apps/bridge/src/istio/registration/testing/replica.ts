import { MemoryLedger, SharedLedger } from '@isthmus/ledger';
import { MemoryServer, MemoryStore } from '@isthmus/ledger/testing';
import { until } from '@isthmus/model/testing';
import { IstioConfigStore, parseIstioYaml } from '@isthmus/policy';
import { systemTimers } from '@isthmus/xds';
import { endsWithLead } from '../../../engine/open-ledger.ts';
import { AutoRegistration } from '../auto-registration.ts';
import { readRegistrations } from '../registration-report.ts';
import type { RegistrationReport } from '../registration-report.ts';
import { SharedRegistrations } from '../shared-registrations.ts';

const GROUP = `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: vm, namespace: shop }
spec: { template: { ports: { http: 8080 } } }
`;
const [GRACE_MS, RETURN_MS] = [100, 400];

/** Stands for the file. */
class LocalCopy extends MemoryLedger {
  readonly diagnostics = [];
  flush = () => Promise.resolve();
  close = () => Promise.resolve();
}

/** One of several in this process, with a group `shop/vm`. */
export class Replica {
  readonly store = new IstioConfigStore();
  readonly ledger: SharedLedger;
  readonly way: MemoryStore;
  readonly registration: AutoRegistration;
  readonly shared: SharedRegistrations;
  /** What it has sent to others. */
  readonly said: RegistrationReport[] = [];
  /** Entries that its services lost. */
  readonly lost: string[] = [];
  /** The others do not hear it. */
  isCut = false;
  #passed = 0;

  constructor(server: MemoryServer, id: string, scheme: string, most: number, leaseMs: number) {
    this.way = new MemoryStore(server);
    this.ledger = SharedLedger.start({
      ...{ store: this.way, local: new LocalCopy(), sharedTables: ['registered'], leaseMs, endsWithLead },
      ...{ self: { id, control: `${scheme}://${id}.test` }, monotonic: () => performance.now(), random: Math.random },
    });
    const now = () => performance.now() + this.#passed;
    const graceMs = () => GRACE_MS;
    this.shared = new SharedRegistrations({
      ...{ ledger: this.ledger, timers: systemTimers, now, graceMs, returnMs: RETURN_MS, most },
      token: () => Promise.resolve('secret'),
      fetch: (url, init) => this.#tell(String(url), init),
    });
    const defaults = { namespace: 'isthmus', domain: 'cluster.local' };
    const { store, ledger, shared } = this;
    this.registration = new AutoRegistration({ store, ledger, timers: systemTimers, defaults, graceMs, shared, most });
    store.onChange((changes) => {
      for (const { before, after } of changes) if (before !== undefined && after === undefined) this.lost.push(before.name);
    });
    store.set('groups.yaml', parseIstioYaml(GROUP, { file: 'groups.yaml', defaultNamespace: 'shop' }));
    this.registration.rulesWereRead();
    all.push(this);
  }

  /** A client connects. */
  open(
    address = '10.0.0.7',
    labels: object = {},
    more: { readonly pod?: string; readonly network?: string; readonly zone?: string } = {},
  ) {
    const metadata = { AUTO_REGISTER_GROUP: 'vm', NAMESPACE: 'shop', LABELS: labels, NETWORK: more.network };
    const id = `sidecar~${address}~${more.pod ?? 'vm'}.shop~shop.svc.cluster.local`;
    const locality = { region: 'r', zone: more.zone ?? '', subzone: '' };
    return this.registration.opened(
      { id, cluster: '', userAgent: '', metadata, locality },
      { address: `${address}:1`, identity: undefined },
    )!;
  }

  get entries(): readonly string[] {
    return [...this.store.objects('WorkloadEntry')].map(({ name }) => name).sort();
  }

  pass(ms: number): void {
    this.#passed += ms;
  }

  async end(): Promise<void> {
    this.registration.close();
    this.way.cut = true; // it says no goodbye
    await this.ledger.close();
  }

  async #tell(url: string, init: RequestInit | undefined): Promise<Response> {
    const other = all.find(({ ledger }) => url === `https://${ledger.status.id}.test/api/v1/replica/registrations`);
    const report = readRegistrations(JSON.parse(String(init?.body)));
    if (this.isCut || other === undefined || report === undefined) throw new Error('connection refused');
    this.said.push(report);
    const known = other.shared.receive(report);
    return known === undefined ? new Response('', { status: 503 }) : Response.json({ known });
  }
}

const all: Replica[] = [];

export async function endAll(): Promise<void> {
  await Promise.all(all.splice(0).map((one) => one.end()));
}

/** @param leaseMs long where the lead must not change: a busy machine lets a second pass */
export async function two(
  scheme = 'https',
  most = 1_000,
  leaseMs = 1_000,
): Promise<readonly [leader: Replica, follower: Replica]> {
  const server = new MemoryServer();
  const both = ['a', 'b'].map((id) => new Replica(server, id, scheme, most, leaseMs));
  const leads = ({ ledger }: Replica) => ledger.writer.isWriter();
  await until(
    'one leads and the other knows',
    () => both.filter(leads).length === 1 && both.every(({ ledger }) => ledger.status.leader !== undefined),
  );
  return both.sort((a, b) => Number(leads(b)) - Number(leads(a))) as [Replica, Replica];
}
