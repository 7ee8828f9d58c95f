import { z } from 'zod';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';

/** A report has at most so many bytes; who has more to say sends several. */
export const LONGEST_REGISTRATIONS = 1024 * 1024;

const short = z.string().max(1_000);

const claim = z.object({
  ...{ node: short, namespace: short, group: short, address: short, network: short },
  labels: z.record(z.string().max(1_000), z.string().max(1_000)),
  locality: short,
  probed: z.boolean(),
  accounts: z.array(short).max(100).exactOptional(),
});
const row = z.object({ claim, well: z.boolean() });

const report = z.object({
  /** Who says it, and to which leader's term: what was said to another is not known to this one. */
  replica: z.string().min(1).max(300),
  /** Counts its reports of that term; 0: it begins anew, and has nothing but what it says from here on. */
  seq: z.int().min(0),
  /** By key; null: it has it no more. */
  changes: z.array(z.tuple([z.string().max(20_000), row.nullable()])).max(10_000),
});

/** What a replica tells the one that leads: the workloads that are connected to it. */
export interface RegistrationReport {
  readonly replica: string;
  readonly seq: number;
  readonly changes: readonly (readonly [key: string, row: Row | null])[];
}

/** Undefined: it is none. */
export function readRegistrations(body: unknown): RegistrationReport | undefined {
  const read = report.safeParse(body);
  if (!read.success) return undefined;
  return read.data.changes.every(([key, one]) => one === null || keyOf(one.claim) === key) ? read.data : undefined;
}
