import type { Diagnostic } from '@isthmus/model';
import type { ScopeView, ServiceRead } from '@isthmus/registry';

/**
 * Between what one session reads and what the scope says: the first complete picture is committed as one, later changes one by one.
 */
export class SessionSink {
  readonly #view: ScopeView;
  #first:
    | { readonly reads: Map<string, ServiceRead>; readonly failed: Map<string, string>; readonly rejected: Set<string> }
    | undefined;

  constructor(view: ScopeView) {
    this.#view = view;
    this.#first = { reads: new Map(), failed: new Map(), rejected: new Set() };
  }

  /** Names that the scope knows from before this session too. */
  knownNames(): readonly string[] {
    return this.#view.names();
  }

  read(name: string, read: ServiceRead): void {
    this.#view.diagnose(name, undefined);
    if (this.#first === undefined) this.#view.apply(name, read);
    else this.#first.reads.set(name, read);
  }

  /** There is such a service, but nothing can be made of it. */
  reject(name: string, diagnostic: Diagnostic): void {
    this.remove(name);
    this.#first?.rejected.add(name);
    this.#view.diagnose(name, diagnostic);
  }

  remove(name: string): void {
    if (this.#first === undefined) this.#view.remove(name);
    else this.#first.reads.delete(name);
  }

  /** It cannot be read: what is known of it stays. */
  fail(name: string, why: string): void {
    if (this.#first === undefined) this.#view.fail(name, why);
    else this.#first.failed.set(name, why);
  }

  /** It can be read again, or is not asked for any more. */
  unfail(name: string): void {
    if (this.#first === undefined) this.#view.forget(name);
    else this.#first.failed.delete(name);
  }

  /** Something is wrong beside the services themselves. */
  diagnose(name: string, diagnostic: Diagnostic | undefined): void {
    this.#view.diagnose(name, diagnostic);
  }

  /** The picture is complete; calls after the first mean nothing. */
  commit(continues: () => boolean): void {
    if (this.#first === undefined) return;
    const { reads, failed, rejected } = this.#first;
    this.#first = undefined;
    this.#view.commit(reads, failed, rejected, continues());
  }
}
