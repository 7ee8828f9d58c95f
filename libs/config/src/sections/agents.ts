import { z } from 'zod';
import { durationField } from '../fields.ts';
import { valueAt } from '../issues.ts';
import { isLoopback, parseListen } from '../listen.ts';
import type { ConfigProblem } from '../problem.ts';
import type { YamlFile } from '../yaml-file.ts';

export const agentsSection = z
  .strictObject({
    tokensFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File with one `SERVICE TOKEN` or `SERVICE sha256:HEX` a line: an agent with the token speaks for that service, and for no other.',
      ),
    open: z
      .array(z.string().min(1).max(253))
      .max(10_000)
      .default([])
      .describe('Services that any process on this machine may speak for, without a token; `*` for all. On loopback only.'),
    maxStreams: z.int().min(1).max(100_000).default(2_000).describe('Agents that are connected at the same time.'),
    maxStreamsPerService: z.int().min(1).max(100_000).default(1_000).describe('Of one service.'),
    maxAgents: z.int().min(1).max(1_000_000).default(10_000).describe('Agents that are remembered, connected or not.'),
    ping: durationField(1_000, 300_000, '15s').describe('How often a stream shows that it is alive.'),
    reportEvery: durationField(1_000, 3_600_000, '10s').describe('How often an agent reports.'),
  })
  .prefault({})
  .describe('Agents in the processes of services (agent.md).');

/** Paths are absolute. */
export interface AgentsConfig {
  /** Undefined: nobody comes by a token. */
  readonly tokensFile?: string;
  readonly open: readonly string[];
  readonly maxStreams: number;
  readonly maxStreamsPerService: number;
  readonly maxAgents: number;
  readonly pingMs: number;
  readonly reportEveryMs: number;
}

/** @param at makes a path absolute */
export function agentsConfig(
  { tokensFile, ping, reportEvery, ...rest }: z.output<typeof agentsSection>,
  at: (path: string) => string,
): AgentsConfig {
  return {
    ...rest,
    pingMs: ping,
    reportEveryMs: reportEvery,
    ...(tokensFile === undefined ? {} : { tokensFile: at(tokensFile) }),
  };
}

/** Rules across fields (see `rules.ts`). */
export function agentProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const open = valueAt(yaml.value, ['agents', 'open']);
  const listen = valueAt(yaml.value, ['control', 'listen']);
  const address = typeof listen === 'string' ? parseListen(listen) : undefined;
  if (!Array.isArray(open) || open.length === 0 || address === undefined || isLoopback(address.host)) return [];
  return [
    {
      file: yaml.file,
      ...yaml.valueAt(['agents', 'open']),
      what: 'agents.open lets services in without a token, and control listens beyond loopback',
      why: 'whoever reaches the port could speak for them: say what they call, and that a step of a plan went well',
      remedy: 'give each service a token in agents.tokensFile, or listen on 127.0.0.1',
    },
  ];
}
