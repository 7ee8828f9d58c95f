/** What a gate can ask for, and how its values are written. */
export const GATES = ['similarity', 'errorRateDelta', 'p99Ratio', 'attemptsPerRequest', 'samples'] as const;
export type GateName = (typeof GATES)[number];

/** `>= 0.99`; a percentage is kept as a fraction, `0.5%` is 0.005. */
export interface Condition {
  readonly op: '>=' | '<=' | '>' | '<';
  readonly value: number;
}

interface GateRule {
  /** The side on which better values are: a gate that asks for the other is a mistake. */
  readonly better: 'higher' | 'lower';
  readonly min: number;
  readonly max: number;
  readonly example: string;
}

const RULES: Readonly<Record<GateName, GateRule>> = {
  similarity: { better: 'higher', min: 0, max: 1, example: '>= 0.99' },
  errorRateDelta: { better: 'lower', min: -1, max: 1, example: '<= 0.5%' },
  p99Ratio: { better: 'lower', min: 0, max: 1_000, example: '<= 1.2' },
  attemptsPerRequest: { better: 'lower', min: 0, max: 1_000, example: '<= 1.2' },
  samples: { better: 'higher', min: 1, max: 1_000_000_000, example: '>= 1000' },
};

const EXPRESSION = /^\s*(>=|<=|>|<)\s*(-?\d{1,10}(?:\.\d{1,6})?)\s*(%?)\s*$/;

/** The condition, or what is wrong with it and what to write instead. */
export function parseCondition(gate: GateName, text: string): Condition | string {
  const { better, min, max, example } = RULES[gate];
  const match = EXPRESSION.exec(text);
  if (match === null) return `is no condition: use a comparison and a number, such as '${example}'`;
  const op = match[1] as Condition['op'];
  const value = match[3] === '%' ? Number(((Number(match[2]) || 0) / 100).toPrecision(12)) : Number(match[2]);
  if (op.startsWith('>') !== (better === 'higher'))
    return `is the wrong side, ${better} is better: use '${better === 'higher' ? '>=' : '<='} ${match[2]}${match[3]}'`;
  if (value < min || value > max) return `must be between ${min} and ${max}, such as '${example}'`;
  return { op, value };
}

export function holds({ op, value }: Condition, measured: number): boolean {
  switch (op) {
    case '>=':
      return measured >= value;
    case '<=':
      return measured <= value;
    case '>':
      return measured > value;
    case '<':
      return measured < value;
    default:
      return op satisfies never;
  }
}

export function formatCondition({ op, value }: Condition): string {
  return `${op} ${value}`;
}
