import type { BreakerReport, LiftedPolicy, ProviderReport } from '@isthmus/contract';

/** What other parts of the agent put into its reports; asked when one is made, which is every few seconds. */
export interface ReportSource {
  /** Of a target, since the last report. */
  readonly breakersOf?: (host: string, port: number) => readonly BreakerReport[];
  /** Of the calls that come in, since the last report. */
  readonly provider?: () => ProviderReport | undefined;
  /** All of them where they changed since the last report; undefined where they did not. */
  readonly policies?: () => readonly LiftedPolicy[] | undefined;
  /** The report before did not arrive: what is told only once has to be told again. */
  readonly lost?: () => void;
}

/** Wrappers of clients and the agent may come from two copies of the package: they meet here. */
const KEY = Symbol.for('isthmus.agent.reports');

type WithSources = typeof globalThis & { [KEY]?: Set<ReportSource> };

function sources(): Set<ReportSource> {
  const shared = globalThis as WithSources;
  const existing = shared[KEY];
  if (existing !== undefined) return existing;
  const made = new Set<ReportSource>();
  Object.defineProperty(globalThis, KEY, { value: made, configurable: true });
  return made;
}

/** There before the agent is, and without one. @returns takes it out again */
export function addReportSource(source: ReportSource): () => void {
  sources().add(source);
  return () => void sources().delete(source);
}

/** What every source says; one that throws says nothing. */
export function askSources<T>(ask: (source: ReportSource) => T | undefined): T[] {
  const answers: T[] = [];
  for (const source of sources()) {
    try {
      const answer = ask(source);
      if (answer !== undefined) answers.push(answer);
    } catch {
      // A wrapper's fault costs its own part of a report.
    }
  }
  return answers;
}
