/** What is told about long work: as events, on stderr, and in a file that other processes read. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processExists } from './lock.ts';
import { isServerName, servers, type ServerName } from './versions.ts';

export interface Progress {
  readonly server: ServerName;
  readonly version: string;
  /** `waiting`: another process is building it. `ready` and `failed` are the last. */
  readonly phase: 'waiting' | 'fetching' | 'building' | 'ready' | 'failed';
  /** Since this process began with it; milliseconds. */
  readonly elapsedMs: number;
  /** With `ready`: nothing had to be built. */
  readonly cached?: boolean;
  /** With `failed`: the reason. */
  readonly error?: string;
}

export type OnProgress = (progress: Progress) => void;

/** `consul 1.22.7: building, 132 s`, and at the end `nacos2 2.3.2: ready in 14.2 s (cached)`. */
export function formatProgress({ server, version, phase, elapsedMs, cached, error }: Progress): string {
  const seconds = elapsedMs / 1000;
  const subject = `${server} ${version}`;
  switch (phase) {
    case 'waiting':
      return `${subject}: another process is building it, ${seconds.toFixed(0)} s`;
    case 'fetching':
    case 'building': {
      const usual = seconds < 1 ? ` (a first time takes about ${servers[server].coldSeconds} s)` : '';
      return `${subject}: ${phase}, ${seconds.toFixed(0)} s${usual}`;
    }
    case 'ready':
      return `${subject}: ready in ${seconds.toFixed(1)} s${cached ? ' (cached)' : ''}`;
    case 'failed':
      return `${subject}: failed after ${seconds.toFixed(0)} s: ${error ?? 'unknown'}`;
    default:
      return phase satisfies never;
  }
}

/** Prints each change of phase, and the same phase again every `everyMs`. What is cached is not worth a line to those who only use it. */
export function printProgress(
  out: { write(text: string): unknown } = process.stderr,
  everyMs = 10_000,
  showCached = false,
): OnProgress {
  const last = new Map<ServerName, Progress>();
  return (progress) => {
    if (progress.cached && !showCached) return;
    const before = last.get(progress.server);
    if (before?.phase === progress.phase && progress.elapsedMs - before.elapsedMs < everyMs) return;
    last.set(progress.server, progress);
    out.write(`${formatProgress(progress)}\n`);
  };
}

function progressPath(root: string, server: ServerName): string {
  return join(root, `${server}.progress.json`);
}

/** Replaces the file in one step: a reader never sees half of it. */
export async function writeProgress(root: string, progress: Progress): Promise<void> {
  const path = progressPath(root, progress.server);
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, JSON.stringify({ ...progress, pid: process.pid }));
  await rename(draft, path);
}

/** What the process that builds `server` last said; undefined when nobody has, or its process died half-way. */
export async function readProgress(root: string, server: ServerName): Promise<Progress | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(progressPath(root, server), 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, ...progress } = value as Progress & { pid?: unknown };
  if (!isServerName(progress.server) || typeof progress.elapsedMs !== 'number' || typeof pid !== 'number') return undefined;
  const finished = progress.phase === 'ready' || progress.phase === 'failed';
  return finished || processExists(pid) ? progress : undefined;
}
