/** Lines around a change that are shown with it. */
const CONTEXT = 2;
/** Of the two middles, above which the changed block is shown as a whole: work grows with the product of their lengths. */
const MOST_CELLS = 4_000_000;

/** Lines of two texts as a unified diff has them: `-` gone, `+` new, a space for those around; `…` where some are left out. */
export function lineDiff(before: string, after: string): readonly string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const middle = compare(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const same = (lines: readonly string[]) => lines.map((line) => ` ${line}`);
  return shortened([...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))]);
}

function compare(a: readonly string[], b: readonly string[]): readonly string[] {
  const gone = (lines: readonly string[]) => lines.map((line) => `-${line}`);
  const fresh = (lines: readonly string[]) => lines.map((line) => `+${line}`);
  if (a.length * b.length > MOST_CELLS) return [...gone(a), ...fresh(b)];
  // Lengths of the longest common subsequences of the rests.
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const out: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      out.push(` ${a[i]}`);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) out.push(`-${a[i++]}`);
    else out.push(`+${b[j++]}`);
  }
  return [...out, ...gone(a.slice(i)), ...fresh(b.slice(j))];
}

function shortened(lines: readonly string[]): readonly string[] {
  const shown = new Set<number>();
  for (const [i, line] of lines.entries()) {
    if (line.startsWith(' ')) continue;
    for (let n = i - CONTEXT; n <= i + CONTEXT; n += 1) shown.add(n);
  }
  const out: string[] = [];
  let left = false;
  for (const [i, line] of lines.entries()) {
    if (shown.has(i)) {
      if (left && out.length > 0) out.push('…');
      out.push(line);
    }
    left = !shown.has(i);
  }
  return out;
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
