import { runInSlices } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { ScopeView, ServiceRead } from '@isthmus/registry';

type State =
  /** The first picture is being read. */
  | {
      readonly kind: 'reading';
      readonly reads: Map<string, ServiceRead>;
      readonly failed: Map<string, string>;
      readonly rejected: Set<string>;
    }
  /** It is being taken over, in steps; what comes meanwhile is applied after it. */
  | { readonly kind: 'committing'; readonly waiting: (() => void)[] }
  | { readonly kind: 'live' }
  /** The scope was lost meanwhile: the next session reads everything again. */
  | { readonly kind: 'over' };

/**
 * Between what one session reads and what the scope says: the first complete picture is committed as one, later changes one by one.
 */
export class SessionSink {
  readonly #view: ScopeView;
  #state: State = { kind: 'reading', reads: new Map(), failed: new Map(), rejected: new Set() };

  constructor(view: ScopeView) {
    this.#view = view;
  }

  /** Names that the scope knows from before this session too. */
  knownNames(): readonly string[] {
    return this.#view.names();
  }

  read(name: string, read: ServiceRead): void {
    if (this.#state.kind === 'reading') {
      this.#view.diagnose(name, undefined);
      this.#state.reads.set(name, read);
      return;
    }
    this.#later(() => {
      this.#view.diagnose(name, undefined);
      this.#view.apply(name, read);
    });
  }

  /** There is such a service, but nothing can be made of it. */
  reject(name: string, diagnostic: Diagnostic): void {
    this.remove(name);
    if (this.#state.kind === 'reading') this.#state.rejected.add(name);
    this.diagnose(name, diagnostic);
  }

  remove(name: string): void {
    if (this.#state.kind === 'reading') this.#state.reads.delete(name);
    else this.#later(() => this.#view.remove(name));
  }

  /** It cannot be read: what is known of it stays. */
  fail(name: string, why: string): void {
    if (this.#state.kind === 'reading') this.#state.failed.set(name, why);
    else this.#later(() => this.#view.fail(name, why));
  }

  /** It can be read again, or is not asked for any more. */
  unfail(name: string): void {
    if (this.#state.kind === 'reading') this.#state.failed.delete(name);
    else this.#later(() => this.#view.forget(name));
  }

  /** Something is wrong beside the services themselves. */
  diagnose(name: string, diagnostic: Diagnostic | undefined): void {
    if (this.#state.kind === 'reading') this.#view.diagnose(name, diagnostic);
    else this.#later(() => this.#view.diagnose(name, diagnostic));
  }

  /** The picture is complete; calls after the first mean nothing. True when it was taken over now. */
  async commit(continues: boolean): Promise<boolean> {
    if (this.#state.kind !== 'reading') return false;
    const { reads, failed, rejected } = this.#state;
    const waiting: (() => void)[] = [];
    this.#state = { kind: 'committing', waiting };
    const taken = await runInSlices(this.#view.commitSteps(reads, failed, rejected, continues));
    this.#state = { kind: taken ? 'live' : 'over' };
    if (taken) for (const change of waiting) change();
    return taken;
  }

  #later(change: () => void): void {
    if (this.#state.kind === 'committing') this.#state.waiting.push(change);
    else if (this.#state.kind === 'live') change();
  }
}
