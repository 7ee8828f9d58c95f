import type { AgentReport } from '@isthmus/contract';
import { LATENCY_BOUNDS, POLICIES, RUNGS } from '@isthmus/ladder';
import { z } from 'zod';

/** A report has at most so many bytes; agents with more targets send several. */
export const LONGEST_REPORT = 1024 * 1024;

const short = z.string().max(300);
const words = z.string().max(2_000);
const host = z.string().min(1).max(253).toLowerCase();
const port = z.int().min(1).max(65_535);
const count = z.int().min(0).max(1e9);

const endpoint = z.object({
  address: short,
  port,
  weight: z.number().min(0).max(1e6),
  healthy: z.boolean(),
  zone: short,
  protocol: short,
});

const arm = z.object({
  calls: count,
  failures: count,
  attempts: count,
  latency: z.array(count).max(LATENCY_BOUNDS.length + 1),
});

const target = z.object({
  host,
  port,
  effective: z.object({ rung: z.enum(RUNGS), percent: z.number().min(0).max(100) }),
  why: words.optional(),
  view: z
    .object({
      hash: short,
      count,
      since: z.number(),
      endpoints: z.array(endpoint).max(4_096).optional(),
      bugs: z.array(short).max(16).optional(),
    })
    .optional(),
  byInstance: count.optional(),
  arms: z.object({ sdk: arm, mesh: arm }),
  breakers: z
    .array(
      z.object({
        name: short,
        library: short,
        state: z.enum(['closed', 'open', 'half-open', 'observing']),
        rejected: count,
      }),
    )
    .max(100),
});

const report = z.object({
  schema: z.literal(1),
  service: z.string().min(1).max(253),
  instance: z.string().min(1).max(100),
  agent: short,
  node: short,
  seq: count.optional(),
  addresses: z.array(short).max(16).optional(),
  planVersion: short,
  targets: z.array(target).max(1_000),
  diagnostics: z.array(z.object({ code: short, where: short, message: words, remedy: words })).max(50),
  provider: z
    .object({
      inbound: count,
      unmarked: count,
      peers: z.array(z.object({ address: short, calls: count })).max(20),
      registration: z.enum(['none', 'registered', 'leaving', 'left']),
      registrations: z
        .array(z.object({ sdkName: short, state: z.enum(['registered', 'withdrawn']), why: words.optional() }))
        .max(256)
        .optional(),
    })
    .optional(),
  policies: z
    .array(
      z.object({
        host: host.optional(),
        library: short,
        version: short,
        name: short,
        policy: z.enum([...POLICIES, 'balancing']),
        options: z.record(z.string().max(100), z.unknown()),
      }),
    )
    .max(1_000)
    .optional(),
});

export type ReadReport = { readonly ok: true; readonly report: AgentReport } | { readonly ok: false; readonly why: string };

/** A report as agents of this and of other versions send it: what is not known is passed over, what is wrong refuses all of it. */
export function readReport(body: unknown): ReadReport {
  const read = report.safeParse(body);
  if (read.success) return { ok: true, report: read.data as AgentReport };
  const [issue] = read.error.issues;
  return { ok: false, why: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it is no report'}` };
}
