import type { LabOptions } from './lab-options.ts';
import { duration } from './live-view.ts';
import { isAlive } from './process-identity.ts';
import { readState, type LabState } from './state-file.ts';

/** Prints what runs. Exit code: 0 a lab runs, 1 none. */
export async function status({ dir, output }: LabOptions): Promise<number> {
  const state = await readState(dir);
  const running = state !== undefined && (await isAlive(state.lab));
  if (output === 'json') {
    console.log(JSON.stringify(running ? { running, ...state } : { running }, undefined, 2));
  } else if (running) {
    console.log(statusTable(state, Date.now()));
  } else {
    console.error(`no lab runs in ${dir}; start one with: npm start`);
  }
  return running ? 0 : 1;
}

export function statusTable(state: LabState, now: number): string {
  const rows = state.parts.map(({ name, state: text, process: child, log }) => [
    name,
    text,
    child === undefined ? '' : String(child.pid),
    log ?? '',
  ]);
  const table = [['PART', 'STATE', 'PID', 'LOG'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    `lab (pid ${state.lab.pid}) for ${duration((now - state.startedAt) / 1000)}   web ${state.web}   console ${state.console}`,
    '',
    ...lines,
  ].join('\n');
}
