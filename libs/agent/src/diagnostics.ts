/** What the agent says of itself: to stderr, or to whom the application names. Never a reason to fail. */
export interface AgentDiagnostic {
  readonly code:
    | 'plan-refused'
    | 'upgrade-refused'
    | 'control-unusable'
    | 'ambiguous-address'
    | 'agent-fault'
    | 'sidecar-lost'
    | 'sidecar-ready'
    | 'registration-withdrawn'
    | 'registration-restored'
    | 'not-movable'
    | 'sticky-unreadable'
    | 'second-agent'
    | 'client-bug';
  /** What it is about: an address, a file, a seam. */
  readonly where: string;
  readonly message: string;
  readonly remedy: string;
}

export interface DiagnosticsOptions {
  readonly emit: (diagnostic: AgentDiagnostic, repeated: number) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** One of a kind (code and place) a minute. */
const EVERY_MS = 60_000;
/** Places that are told apart; of the others together one a minute is said. */
const PLACES = 256;

/** Lets one diagnostic of a kind through each minute, with how many were held back: a fault on the hot path is no flood. */
export class Diagnostics {
  readonly #options: DiagnosticsOptions;
  readonly #seen = new Map<string, { at: number; repeated: number }>();

  constructor(options: DiagnosticsOptions) {
    this.#options = options;
  }

  report(diagnostic: AgentDiagnostic): void {
    try {
      const now = this.#options.now();
      const full = `${diagnostic.code} ${diagnostic.where}`;
      const key = this.#seen.has(full) || this.#seen.size < PLACES ? full : 'others';
      const seen = this.#seen.get(key);
      if (seen !== undefined && now - seen.at < EVERY_MS) {
        seen.repeated += 1;
        return;
      }
      this.#seen.set(key, { at: now, repeated: 0 });
      this.#options.emit(diagnostic, seen?.repeated ?? 0);
    } catch {
      // Whoever listens is broken: the application must not notice.
    }
  }
}

/** The line that goes to stderr. */
export function diagnosticLine({ code, where, message, remedy }: AgentDiagnostic, repeated: number): string {
  const again = repeated === 0 ? '' : ` (${repeated} more since the last)`;
  return `isthmus: ${code} ${where}: ${message}; ${remedy}${again}\n`;
}
