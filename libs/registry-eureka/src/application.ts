import { serviceId } from '@isthmus/model';
import type { Diagnostic, DiagnosticCode, ServiceKey, ServiceRecord, SourceId } from '@isthmus/model';
import { buildRecord, meshHostName, printable, scopeDiagnostic, serviceFilter } from '@isthmus/registry';
import type { ServiceFilter } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import { decodeUtf8, isObject } from './answer-scanner.ts';
import type { Piece } from './answer-scanner.ts';
import { rawInstance, readInstance } from './instance.ts';
import type { HeldInstance } from './instance.ts';

/** One application of an answer, as far as it could be read. */
export interface Application {
  /** Lower case: Eureka's clients compare names without case, and so do hosts. */
  readonly name: string;
  readonly instances: readonly HeldInstance[];
  /** False when it could not be read at all: then it says nothing about what is registered. */
  readonly readable: boolean;
  readonly problem: Diagnostic | undefined;
}

/** Turns the bytes of applications into instances and those into records. One bad application costs one application. */
export class ApplicationReader {
  readonly #source: SourceId;
  readonly #included: (name: string) => boolean;

  constructor(source: SourceId, filter: ServiceFilter) {
    this.#source = source;
    const lower = (patterns: readonly string[]) => patterns.map((pattern) => pattern.toLowerCase());
    this.#included = serviceFilter({ include: lower(filter.include), exclude: lower(filter.exclude) });
  }

  /** @throws AnswerError when not even the name can be told: then it may be any application that is missing. */
  read(piece: Piece): Application {
    if (piece.kind === 'oversize') return this.#unreadable(piece.start, 'answer.too-large', 'is too large to be read');
    let wire: unknown;
    try {
      const text = decodeUtf8(piece.bytes);
      try {
        wire = JSON.parse(text);
      } catch (cause) {
        return this.#unreadable(
          piece.bytes,
          'answer.invalid',
          `is no JSON: ${cause instanceof Error ? cause.message : 'unknown'}`,
        );
      }
    } catch {
      return this.#unreadable(piece.bytes, 'text.invalid', 'is not valid UTF-8');
    }
    return this.#interpret(wire, piece.bytes);
  }

  /** Undefined when the application is excluded or cannot have a host. */
  record(name: string, instances: Iterable<HeldInstance>): ServiceRecord | undefined {
    if (!this.#isMapped(name)) return undefined;
    const result = buildRecord(this.#key(name), meshHostName([name], 'eureka'), Array.from(instances, rawInstance));
    return 'record' in result ? result.record : undefined;
  }

  #interpret(wire: unknown, bytes: Buffer): Application {
    const name = isObject(wire) && typeof wire['name'] === 'string' ? wire['name'].toLowerCase() : '';
    if (!isObject(wire) || name === '') return this.#unreadable(bytes, 'answer.invalid', 'has no name');
    const entry = wire['instance'];
    const entries: readonly unknown[] = Array.isArray(entry) ? entry : entry === undefined || entry === null ? [] : [entry];
    const mapped = this.#isMapped(name);
    const instances: HeldInstance[] = [];
    for (const one of entries) {
      const instance = readInstance(one, mapped);
      if (instance !== undefined) instances.push(instance);
    }
    const bad = entries.length - instances.length;
    const what = `${bad} of ${entries.length} instances are no objects with an instanceId or a hostName`;
    const problem = bad === 0 ? this.#rejected(name) : this.#problem(name, 'answer.invalid', what, 'they are left out');
    return { name, instances, readable: true, problem };
  }

  #isMapped(name: string): boolean {
    return this.#included(name) && meshHostName([name], 'eureka') !== undefined;
  }

  #rejected(name: string): Diagnostic | undefined {
    if (!this.#included(name)) return undefined;
    const result = buildRecord(this.#key(name), meshHostName([name], 'eureka'), []);
    return 'rejected' in result ? result.rejected : undefined;
  }

  #unreadable(bytes: Buffer, code: DiagnosticCode, what: string): Application {
    // Eureka writes the name first; JSON that is broken further on does not hide it.
    const name = /^\{\s*"name"\s*:\s*"([^"\\]{1,512})"/.exec(bytes.subarray(0, 1024).toString('latin1'))?.[1]?.toLowerCase();
    if (name === undefined)
      throw new AnswerError('answer.invalid', `the answer holds an application that ${what}, and its name is not known`);
    const problem = this.#problem(name, code, what, 'what was known of it before stays');
    return { name, instances: [], readable: false, problem };
  }

  #problem(name: string, code: DiagnosticCode, what: string, meaning: string): Diagnostic {
    const remedy = 'look at what GET /apps/NAME of the server answers, and at the client that registered it';
    return scopeDiagnostic(serviceId(this.#key(name)), code, `application "${printable(name)}": ${what}`, meaning, remedy);
  }

  #key(name: string): ServiceKey {
    return { source: this.#source, namespace: '', group: '', name };
  }
}
