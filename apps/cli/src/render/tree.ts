import { terminalSafe } from '../terminal-safe.ts';

export interface Branch {
  readonly text: string;
  readonly children?: readonly Branch[];
}

/** Lines of a tree; every text is made safe for a terminal here. */
export function renderTree(root: Branch): string {
  return `${[terminalSafe(root.text), ...below(root.children ?? [], '')].join('\n')}\n`;
}

function below(branches: readonly Branch[], indent: string): string[] {
  return branches.flatMap((branch, i) => {
    const last = i === branches.length - 1;
    const line = `${indent}${last ? '└─ ' : '├─ '}${terminalSafe(branch.text)}`;
    return [line, ...below(branch.children ?? [], `${indent}${last ? '   ' : '│  '}`)];
  });
}
