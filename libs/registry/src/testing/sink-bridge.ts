import { systemClock } from '@isthmus/model';
import type { Ledger, SourceId } from '@isthmus/model';
import { LeaseSink } from '../lease-sink.ts';
import { publicationId } from '../registry-sink.ts';
import type { Publication, SinkDeps, Writer } from '../registry-sink.ts';
import type { SeenInstance, SinkHarness } from './sink-harness.ts';
import { testLedger } from './test-ledger.ts';

/** One bridge process as far as a sink can tell: it may be killed and started again on the same ledger. */
export interface Bridge {
  readonly sink: LeaseSink;
  want(...publications: readonly Publication[]): void;
  withdraw(...names: readonly string[]): void;
  openGate(): void;
  /** As with SIGKILL: nothing is withdrawn. */
  kill(): Promise<void>;
}

export interface BridgeOptions {
  /** Default: one of its own. */
  readonly ledger?: Ledger;
  readonly writer?: Partial<Writer>;
  /** Closed: no source has been read yet. Default open. */
  readonly gate?: 'open' | 'closed';
  readonly password?: 'wrong';
}

export function startBridge(harness: SinkHarness, more: BridgeOptions): Bridge {
  const abort = new AbortController();
  let open = more.gate !== 'closed';
  const deps: SinkDeps = {
    clock: systemClock,
    random: Math.random,
    meshId: 'shop',
    writer: { isWriter: () => true, owner: 'one', onChange: () => () => undefined, ...more.writer },
    ledger: more.ledger ?? testLedger(),
    isComplete: () => open,
  };
  const sink = new LeaseSink('target' as SourceId, harness.wire(more.password ?? 'right'), deps);
  const ended = sink.run(abort.signal);
  return {
    sink,
    want: (...publications) => publications.forEach((p) => sink.want(publicationId(p.at), p)),
    withdraw: (...names) => names.forEach((n) => sink.want(publicationId({ namespace: '', group: '', name: n }), undefined)),
    openGate: () => {
      open = true;
      sink.gateChanged();
    },
    kill: async () => {
      abort.abort();
      await ended;
    },
  };
}

export function placesOf(instances: readonly SeenInstance[]): string {
  return instances
    .map(({ address, port }) => `${address}:${port}`)
    .sort()
    .join();
}

/** Looks every 20 ms, or after as long as the last answer took; the moments in which callers saw no instance. */
export async function watchFor(harness: SinkHarness, service: string, ms: number): Promise<readonly string[]> {
  const gaps: string[] = [];
  const from = Date.now();
  while (Date.now() - from < ms) {
    // Only what the registry says is a gap: on a busy machine it may not answer in time.
    const asked = Date.now();
    const seen = await harness.seen(service).catch(() => undefined);
    if (seen?.length === 0) gaps.push(`${service} after ${Date.now() - from} ms`);
    await pauseAfter(asked);
  }
  return gaps;
}

export async function poll(what: string, condition: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  // A registry that is down cannot be asked.
  for (;;) {
    const asked = Date.now();
    if (await condition().catch(() => false)) return;
    if (Date.now() > end) throw new Error(`"${what}" did not come true in ${deadlineMs} ms`);
    await pauseAfter(asked);
  }
}

/** A server that is slow with answers, as on a busy machine, has half of its time for the bridges. */
const pauseAfter = (asked: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(20, Date.now() - asked)));
