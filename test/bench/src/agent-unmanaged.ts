import { CostChild } from './agent-cost-process.ts';
import { orderOf, spreadOf } from './paired.ts';
import type { Sample, Spread } from './paired.ts';
import { median } from './statistics.ts';

interface Unmanaged {
  readonly way: string;
  /** Medians, of one call. */
  readonly without: { readonly rate: number; readonly cpuUs: number };
  readonly with: { readonly rate: number; readonly cpuUs: number };
  /** With the agent beside without, as shares. */
  readonly rateMore: Spread;
  readonly cpuMore: Spread;
  /** A second process without the agent beside the first: what the measuring itself finds where there is nothing. */
  readonly rateMoreOfNone: Spread;
  readonly cpuMoreOfNone: Spread;
}

const ARMS = ['without', 'again', 'with'] as const;
const WAYS = ['http', 'undici', 'fetch'] as const;

/** @returns of each generation, by way and arm, its rounds */
async function measure(port: number, env: Readonly<Record<string, string>>, size: UnmanagedSize) {
  const found = new Map<string, Sample[][]>();
  for (let generation = 0; generation < size.generations; generation += 1) {
    const order = orderOf(ARMS, generation);
    const children = new Map<string, CostChild>();
    try {
      for (const arm of order)
        children.set(arm, await CostChild.start({ part: 'calls', port }, arm === 'with' ? env : undefined));
      for (const way of WAYS) {
        const rounds = ARMS.map((): Sample[] => []);
        for (const arm of order) await children.get(arm)?.measure(way, size.calls); // warms up
        for (let round = 0; round < size.rounds; round += 1)
          for (const arm of orderOf(ARMS, round))
            rounds[ARMS.indexOf(arm as (typeof ARMS)[number])]?.push(
              (await children.get(arm)?.measure(way, size.calls)) as Sample,
            );
        ARMS.forEach((arm, at) => {
          const key = `${way} ${arm}`;
          found.set(key, [...(found.get(key) ?? []), rounds[at] ?? []]);
        });
      }
    } finally {
      await Promise.all([...children.values()].map((child) => child.close()));
    }
  }
  return found;
}

interface UnmanagedSize {
  readonly generations: number;
  readonly rounds: number;
  readonly calls: number;
}

/**
 * Calls that no plan names, in processes with the agent and without, by turns. Two processes that run the same differ by several per
 * cent for as long as they live (where their memory lies, what was compiled when), so the pairs are processes, not rounds: the median
 * of a pair's rounds is one figure, and the interval is that of the median over pairs.
 */
export async function unmanaged(
  port: number,
  env: Readonly<Record<string, string>>,
  size: UnmanagedSize,
): Promise<readonly Unmanaged[]> {
  const found = await measure(port, env, size);
  const cpu = ({ cpuMs, calls }: Sample): number => (cpuMs / calls) * 1_000;
  const rate = ({ calls, wallMs }: Sample): number => (calls / wallMs) * 1_000;
  return WAYS.map((way) => {
    const of = (arm: string): Sample[][] => found.get(`${way} ${arm}`) ?? [];
    const more = (arm: string, value: (sample: Sample) => number): Spread =>
      spreadOf(
        of(arm).map((rounds, generation) =>
          median(rounds.map((sample, round) => value(sample) / value(of('without')[generation]?.[round] as Sample) - 1)),
        ),
      );
    const middle = (arm: string) => ({ rate: median(of(arm).flat().map(rate)), cpuUs: median(of(arm).flat().map(cpu)) });
    return {
      way,
      without: middle('without'),
      with: middle('with'),
      rateMore: more('with', rate),
      cpuMore: more('with', cpu),
      rateMoreOfNone: more('again', rate),
      cpuMoreOfNone: more('again', cpu),
    };
  });
}
