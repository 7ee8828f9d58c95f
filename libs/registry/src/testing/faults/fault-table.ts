import { readFileSync } from 'node:fs';
import type { FaultHarness } from './fault-harness.ts';
import { FAULTS, cellText } from './fault-row.ts';
import type { Fault, FaultCell, FaultRow } from './fault-row.ts';
import { FaultScene } from './fault-scene.ts';

export interface FaultTableOptions {
  /** The row of docs/faults.md. */
  readonly row: string;
  /** Most milliseconds that any one condition may take. Default 15,000 (scripted wires, on a busy machine). */
  readonly deadlineMs?: number;
  /** What this harness cannot play although it can happen to the registry, with the reason. */
  readonly notHere?: Partial<Readonly<Record<Fault, string>>>;
}

const SLOW_MS = 150;

interface Seen {
  readonly state: string;
  readonly seconds: number;
}

/**
 * The fault table: whatever happens to a registry, what lives stays published at every moment, what died goes, and the
 * scope says which it is. Runs on a scripted wire (unit) and on the real server (real) alike; one harness serves all rows.
 */
export function describeFaultTable(
  name: string,
  makeHarness: () => Promise<FaultHarness>,
  expected: FaultRow,
  { row, deadlineMs = 15_000, notHere = {} }: FaultTableOptions,
): void {
  const { describe, test, expect, beforeAll, afterAll, afterEach } = globalThis as unknown as typeof import('@jest/globals');

  describe(`faults of ${name}`, () => {
    let harness: FaultHarness;
    let scene: FaultScene | undefined;
    const seen = new Map<Fault, Seen>();

    beforeAll(async () => void (harness = await makeHarness()), 300_000);
    afterAll(async () => {
      await harness?.close();
      process.stdout.write(tableOf(name, expected, notHere, seen));
    }, 60_000);
    afterEach(async () => {
      const ended = scene;
      scene = undefined;
      await ended?.close();
      expect(ended?.view.violations ?? []).toEqual([]);
    }, 60_000);

    test('are in docs/faults.md', () => {
      expect(documented(row)).toEqual(FAULTS.map((fault) => cellText(expected[fault])));
      const text = readFileSync(DOCS, 'utf8');
      for (const fault of FAULTS) {
        const cell = expected[fault];
        if ('never' in cell) expect(text).toContain(`- ${row}, ${fault}: ${cell.never}\n`);
      }
    });

    for (const [n, fault] of FAULTS.entries()) {
      const cell = expected[fault];
      const reason = 'never' in cell ? cell.never : notHere[fault];
      if (reason !== undefined) {
        test(`${fault}: not here, ${reason}`, () => expect(canPlay(harness, fault)).toBe(false));
        continue;
      }
      const title = `${fault}: ${cellText(cell)}; what lives stays published at every moment, what died goes`;
      test(
        title,
        async () => {
          scene = await FaultScene.open(harness, n, deadlineMs, fault === 'slow' || fault === 'password revoked');
          await play(fault, scene, cell);
          expect(scene.everLost).toEqual([]);
        },
        deadlineMs * 5,
      );
    }

    async function play(fault: Fault, at: FaultScene, cell: FaultCell): Promise<void> {
      switch (fault) {
        case 'killed':
          try {
            await becomes(fault, at, cell, () => harness.down());
          } finally {
            await harness.up({ keepData: true });
          }
          await at.until('live again', () => at.state === 'live');
          return at.follows();
        case 'hung':
          try {
            await becomes(fault, at, cell, () => harness.hang());
          } finally {
            await harness.resume();
          }
          await at.until('live again', () => at.state === 'live');
          return at.follows();
        case 'restarted empty':
          await stop(at);
          await becomes(fault, at, cell, () => harness.up({ keepData: false }));
          return at.providersReturn(FaultScene.services - 1);
        case 'restarted with half':
          await stop(at);
          await becomes(fault, at, cell, () => harness.up({ keepData: false }));
          return at.providersReturn(Math.floor(FaultScene.services / 2));
        case 'slow': {
          if (at.link === undefined) throw new Error('nothing to slow down');
          at.link.delayMs = SLOW_MS;
          await goesOn(fault, at, cell);
          at.link.delayMs = 0;
          return;
        }
        case 'password revoked':
          try {
            await becomes(fault, at, cell, async () => {
              await harness.faults.revoke?.();
              at.link?.drop(); // registries that ask for it only then
            });
          } finally {
            await harness.faults.restore?.();
          }
          await at.until('live again', () => at.state === 'live');
          return at.follows();
        case 'clock jump':
          at.jump(1);
          await goesOn(fault, at, cell);
          at.jump(-2);
          return goesOn(fault, at, cell);
        default:
          fault satisfies never;
      }
    }

    async function stop(at: FaultScene): Promise<void> {
      await harness.down();
      await at.until('stale', () => at.state === 'stale');
    }

    /** Its state becomes the expected one, with everything still published. */
    async function becomes(fault: Fault, at: FaultScene, cell: FaultCell, strike: () => Promise<void>): Promise<void> {
      await strike();
      const from = performance.now();
      const cause = 'cause' in cell ? cell.cause : undefined;
      await at.until(
        `${cellText(cell)}${cause === undefined ? '' : ` because of ${cause}`}`,
        () => at.state === cellText(cell) && (cause === undefined || cause.test(at.cause ?? '')),
      );
      seen.set(fault, { state: at.state ?? '', seconds: (performance.now() - from) / 1_000 });
      expect(at.missing()).toEqual([]);
    }

    /** It is followed, and its state has never been another one. */
    async function goesOn(fault: Fault, at: FaultScene, cell: FaultCell): Promise<void> {
      const from = performance.now();
      const before = at.view.events.length;
      await at.follows();
      seen.set(fault, { state: at.state ?? '', seconds: (performance.now() - from) / 1_000 });
      const states = at.view.events.slice(before).flatMap((event) => (event.kind === 'status' ? [event.status] : []));
      expect(states.filter(({ state }) => state !== cellText(cell))).toEqual([]);
      expect(at.state).toBe(cellText(cell));
    }
  });
}

const DOCS = new URL('../../../../../docs/faults.md', import.meta.url);

/** The cells of a row of docs/faults.md, without its name. */
function documented(row: string): readonly string[] | undefined {
  const lines = readFileSync(DOCS, 'utf8').split('\n');
  const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  return cells.find(([, first]) => first === row)?.slice(2, -1);
}

function canPlay({ abilities, faults }: FaultHarness, fault: Fault): boolean {
  switch (fault) {
    case 'hung':
      return abilities.hangs !== false;
    case 'slow':
      return faults.ports !== undefined;
    case 'password revoked':
      return faults.revoke !== undefined;
    default:
      return true;
  }
}

function tableOf(
  name: string,
  expected: FaultRow,
  notHere: Partial<Readonly<Record<Fault, string>>>,
  seen: ReadonlyMap<Fault, Seen>,
): string {
  const lines = FAULTS.map((fault) => {
    const now = seen.get(fault);
    const cell = expected[fault];
    const why = 'never' in cell ? cell.never : notHere[fault];
    const what = now === undefined ? `— ${why ?? 'not seen'}` : `${now.state.padEnd(6)} after ${now.seconds.toFixed(2)} s`;
    return `  ${name.padEnd(36)} ${fault.padEnd(20)} ${what}\n`;
  });
  return lines.join('');
}
