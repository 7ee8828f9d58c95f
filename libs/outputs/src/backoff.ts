/** ms before try number `failures` + 1: doubled each time, half of it by chance, so that many do not come at once. */
export function backoff(failures: number, firstMs: number, mostMs: number, random: () => number): number {
  const most = Math.min(mostMs, firstMs * 2 ** Math.min(failures, 20));
  return most / 2 + (most / 2) * random();
}
