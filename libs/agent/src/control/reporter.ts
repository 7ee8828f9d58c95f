import type { IncomingMessage } from 'node:http';
import type { AgentReport } from '@isthmus/contract';
import type { ControlRequests } from './control-place.ts';
import { askSources } from './report-sources.ts';

export interface ReporterOptions {
  readonly requests: ControlRequests;
  readonly make: () => readonly AgentReport[];
  readonly random: () => number;
  readonly failed: (why: string) => void;
}

/** The bridge reads no more. */
const LONGEST_REPORT = 1024 * 1024;
const ANSWER_WITHIN_MS = 10_000;
/** A change is told this soon, spread over as long again: all agents of a fleet have it at the same moment. */
const SOON_MS = 50;
const AGAIN_MS = 1_000;

/** Sends reports, one at a time; one that does not arrive is dropped. Nothing waits for it, and no process lives for it. */
export class Reporter {
  readonly #options: ReporterOptions;
  #everyMs = 10_000;
  #timer: NodeJS.Timeout | undefined;
  #isSoon = false;
  #sending = false;
  #connected = false;
  #again = false;
  #failures = 0;
  #closed = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  set everyMs(ms: number) {
    this.#everyMs = ms;
  }

  /** While there is no stream nothing is sent; what is counted meanwhile goes with the next report. */
  set connected(isConnected: boolean) {
    this.#connected = isConnected;
    if (isConnected) this.soon();
    else this.#clear();
  }

  /** Something is another that the control plane waits to hear of. */
  soon(): void {
    if (!this.#connected || this.#closed) return;
    if (this.#sending) this.#again = true;
    else if (!this.#isSoon) {
      this.#isSoon = true;
      this.#wait(SOON_MS * (1 + this.#options.random()));
    }
  }

  close(): void {
    this.#closed = true;
    this.#clear();
  }

  /** After a failure sooner than usual, and each time later: what the control plane waits for was in the one that was lost. */
  get #nextMs(): number {
    return this.#failures === 0 ? this.#everyMs : Math.min(this.#everyMs, AGAIN_MS * 2 ** Math.min(this.#failures - 1, 10));
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#isSoon = false;
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#send(), ms);
    this.#timer.unref();
  }

  async #send(): Promise<void> {
    this.#isSoon = false;
    this.#sending = true;
    try {
      for (const report of this.#options.make()) {
        const text = fitting(report);
        if (text !== undefined) await this.#post(text);
      }
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      askSources((source) => source.lost?.());
      this.#options.failed((error as Error).message);
    } finally {
      this.#sending = false;
      if (this.#connected && !this.#closed) {
        if (this.#again) this.soon();
        else this.#wait(this.#nextMs * (0.8 + this.#options.random() * 0.4));
      }
      this.#again = false;
    }
  }

  #post(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const body = Buffer.from(text);
      const request = this.#options.requests.open('POST', '/agents/reports', {
        'content-type': 'application/json',
        'content-length': body.length,
      });
      const late = setTimeout(() => request.destroy(new Error('a report was not answered')), ANSWER_WITHIN_MS);
      late.unref();
      request.on('response', (response: IncomingMessage) => {
        const { statusCode = 0 } = response;
        response.resume();
        response.on('error', reject);
        response.on('end', () => (statusCode < 300 ? resolve() : reject(new Error(`a report was answered with ${statusCode}`))));
      });
      request.on('error', reject);
      request.on('close', () => {
        clearTimeout(late);
        reject(new Error('the connection was closed'));
      });
      request.end(body);
    });
  }
}

/** What is large is left out before the report is: endpoints first, then policies. */
function fitting(report: AgentReport): string | undefined {
  const { policies: _policies, ...lean } = report;
  const smaller = [
    () => report,
    () => ({ ...report, targets: report.targets.map(withoutEndpoints) }),
    () => ({ ...lean, targets: report.targets.map(withoutEndpoints) }),
  ];
  for (const make of smaller) {
    const text = JSON.stringify(make());
    if (Buffer.byteLength(text) <= LONGEST_REPORT) return text;
  }
  return undefined;
}

function withoutEndpoints(target: AgentReport['targets'][number]): AgentReport['targets'][number] {
  if (target.view?.endpoints === undefined) return target;
  const { endpoints: _endpoints, ...view } = target.view;
  return { ...target, view };
}
