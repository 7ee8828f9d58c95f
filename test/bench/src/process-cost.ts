import { readFileSync, writeFileSync } from 'node:fs';

/** What another process has used, as the kernel counts it: the same way for a bridge and for an istiod. */
export class ProcessCost {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** All its threads, since it started; in steps of 10 ms. */
  get cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10; // utime, stime: proc(5)
  }

  get rssMb(): number {
    return this.#status('VmRSS');
  }

  /** Since the process started or `resetPeak`. */
  get peakMb(): number {
    return this.#status('VmHWM');
  }

  resetPeak(): void {
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5'); // the peak is what it has now: proc(5)
  }

  #status(field: string): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1_024;
  }
}
