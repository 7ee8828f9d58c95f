import { figure, median, medianInterval } from './statistics.ts';

export interface Sample {
  readonly calls: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

export interface Paired {
  /** Medians over all rounds, of one call. */
  readonly cpuUs: number;
  readonly rate: number;
  /** Beside the first of the same round: median and its interval, as shares. */
  readonly cpuMore: Spread;
  readonly rateMore: Spread;
}

export interface Spread {
  readonly middle: number;
  readonly low: number;
  readonly high: number;
}

/** Measures all in turns, each round in another order, and compares each with the first of its round: what else the machine does meets all. */
export async function inTurns(
  names: readonly string[],
  rounds: number,
  measure: (name: string) => Promise<Sample>,
): Promise<ReadonlyMap<string, Paired>> {
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  for (const name of names) await measure(name); // warms up
  for (let round = 0; round < rounds; round += 1) {
    for (const name of orderOf(names, round)) samples.get(name)?.push(await measure(name));
  }
  const cpu = ({ cpuMs, calls }: Sample): number => (cpuMs / calls) * 1_000;
  const rate = ({ calls, wallMs }: Sample): number => (calls / wallMs) * 1_000;
  const first = samples.get(names[0] as string) ?? [];
  return new Map(
    [...samples].map(([name, own]) => {
      const more = (of: (sample: Sample) => number): Spread =>
        spreadOf(own.map((sample, at) => of(sample) / of(first[at] as Sample) - 1));
      return [name, { cpuUs: median(own.map(cpu)), rate: median(own.map(rate)), cpuMore: more(cpu), rateMore: more(rate) }];
    }),
  );
}

/** Each name is in each place equally often, and before each other as often as after it. */
export function orderOf(names: readonly string[], round: number): readonly string[] {
  const start = round % names.length;
  const order = [...names.slice(start), ...names.slice(0, start)];
  // Not at every other round: of two names, turned and reversed is as it was.
  return Math.floor(round / names.length) % 2 === 0 ? order : order.toReversed();
}

export function spreadOf(values: readonly number[]): Spread {
  const [low, high] = medianInterval(values);
  return { middle: median(values), low, high };
}

/** `+1.2 % (−0.3 to +2.8)` */
export function percentText({ middle, low, high }: Spread): string {
  const text = (value: number): string => `${value < 0 ? '−' : '+'}${figure(Math.abs(value) * 100)}`;
  return `${text(middle)} % (${text(low)} to ${text(high)})`;
}

/** `1.2 (0.3 to 2.8)` */
export function spreadText({ middle, low, high }: Spread): string {
  return `${figure(middle)} (${figure(low)} to ${figure(high)})`;
}
