import { z } from 'zod';
import { MOST_CHARACTERS } from './claim.ts';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';

/** A report has at most so many bytes; who has more to say sends several. */
export const LONGEST_REGISTRATIONS = 1024 * 1024;
/** And its answer, bytes. */
export const LONGEST_ANSWER = 1024;

/** No closer limits than those of a claim: one that a replica takes and the leader does not would keep its whole report out. */
const text = z.string().max(MOST_CHARACTERS);

const claim = z.object({
  ...{ node: text, namespace: text, group: text, address: text, network: text },
  labels: z.record(text, text),
  locality: text,
  probed: z.boolean(),
  accounts: z.array(text).exactOptional(),
});
const row = z.object({ claim, well: z.boolean() });

const report = z.object({
  /** Who says it, and to which leader's term: what was said to another is not known to this one. */
  replica: z.string().min(1).max(300),
  /** Counts its reports of that term; 0: it begins anew, and has nothing but what it says from here on. */
  seq: z.int().min(0),
  /** By key; null: it has it no more. */
  changes: z.array(z.tuple([z.string().max(20_000), row.nullable()])).max(10_000),
  /** For each of them how long ago it connected, ms: clocks differ. A bridge of before does not say it: now. */
  ages: z.array(z.number().min(0)).max(10_000).exactOptional(),
});

/** What a replica tells the one that leads: the workloads that are connected to it. */
export interface RegistrationReport {
  readonly replica: string;
  readonly seq: number;
  readonly changes: readonly (readonly [key: string, row: Row | null])[];
  readonly ages?: readonly number[];
}

/** Undefined: it is none. */
export function readRegistrations(body: unknown): RegistrationReport | undefined {
  const read = report.safeParse(body);
  if (!read.success) return undefined;
  return read.data.changes.every(([key, one]) => one === null || keyOf(one.claim) === key) ? read.data : undefined;
}
