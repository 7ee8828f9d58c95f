export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Target {
  readonly what: string;
  readonly unit: string;
  readonly atMost: number;
  /** NaN when it could not be measured: not met. */
  readonly measured: number;
  /** For a target that is missed: what was found out about it. */
  readonly because?: string | undefined;
}

export interface ScenarioResult {
  /** What was measured and how, for a reader who has not seen the code. */
  readonly about: string;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  run(log: (line: string) => void): Promise<ScenarioResult>;
}

export function isMet(target: Target): boolean {
  return target.measured <= target.atMost;
}
