import { IsthmusError } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';

/** Keys and indexes from the root of the file: `['registries', 0, 'servers']`. */
export type ConfigPath = readonly (string | number)[];

/** One thing wrong in a config file, with its place. */
export interface ConfigProblem {
  readonly file: string;
  /** 1-based; 1:1 when the file as a whole is meant. */
  readonly line: number;
  readonly column: number;
  readonly what: string;
  /** What the field is for, or what would follow. */
  readonly why: string;
  readonly remedy: string;
}

/** Sorted by place; two rules that say the same of one place count once. */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const sorted = [...problems].sort(
    (a, b) => a.line - b.line || a.column - b.column || (a.what < b.what ? -1 : a.what > b.what ? 1 : 0),
  );
  return sorted.filter((p, i) => {
    const before = sorted[i - 1];
    return before === undefined || before.line !== p.line || before.column !== p.column || before.what !== p.what;
  });
}

/** Three lines: place and what, why, what to do. The first one is what editors and CI logs make a link of. */
export function formatProblem(p: ConfigProblem): string {
  return `${p.file}:${p.line}:${p.column}: ${p.what}\n    why: ${p.why}\n    try: ${p.remedy}`;
}

/** All of them, and their number, as `isthmus check` prints them. */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${problems.map(formatProblem).join('\n')}\n${count}`;
}

/** For callers that can only stop. Each problem has its place, reason and remedy, so the error adds none of its own. */
export function configError(problems: readonly ConfigProblem[]): IsthmusError {
  return new IsthmusError('config.invalid', `nothing was started, the config is not valid:\n${formatProblems(problems)}`);
}

/** A bad change of a watched file, as the running bridge shows it. */
export function reloadDiagnostic(p: ConfigProblem): Diagnostic {
  return {
    code: 'config.reload',
    severity: 'error',
    where: `${p.file}:${p.line}:${p.column}`,
    what: p.what,
    meaning: 'the changed config is not used; the last good one stays in force',
    remedy: p.remedy,
  };
}

/** `registries[0].auth.password`; the file itself for the empty path. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? quoteKey(part) : `.${quoteKey(part)}`;
  }
  return text === '' ? 'the file' : text;
}

function quoteKey(key: string): string {
  if (/^[\w-]{1,60}$/.test(key)) return key;
  return JSON.stringify(key.length > 60 ? `${key.slice(0, 57)}...` : key);
}
