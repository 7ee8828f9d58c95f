import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { watchPath } from '@isthmus/config';
import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';

export interface AgentTokensOptions {
  readonly tokensFile: string | undefined;
  /** Services that need none; `*` for all. */
  readonly open: readonly string[];
  readonly signal: AbortSignal;
}

/** Who a token speaks for. Undefined: nobody. */
export type Speaker = { readonly kind: 'service'; readonly service: string } | { readonly kind: 'anyone-open' };

const MOST_BYTES = 16 * 1024 * 1024;
const MOST_WRONG = 20;

interface Known {
  readonly service: string;
  readonly digest: Buffer;
}

/**
 * `agents.tokensFile`: `SERVICE TOKEN` or `SERVICE sha256:HEX` a line. The file is watched: a token that is no longer in it counts for
 * no further request. Nothing of it is ever logged.
 */
export class AgentTokens {
  readonly #options: AgentTokensOptions;
  /** By the first bytes of the digest, which tell nothing of the token; the rest is compared in constant time. */
  #known: ReadonlyMap<string, readonly Known[]> = new Map();
  #diagnostics: readonly Diagnostic[] = [];
  #changed: () => void = () => undefined;

  private constructor(options: AgentTokensOptions) {
    this.#options = options;
  }

  static async open(options: AgentTokensOptions): Promise<AgentTokens> {
    const tokens = new AgentTokens(options);
    const { tokensFile, signal } = options;
    if (tokensFile === undefined) return tokens;
    await tokens.#read(tokensFile);
    await watchPath(tokensFile, {
      onChange: () => tokens.#read(tokensFile),
      onBlind: (cause) => tokens.#wrong(tokensFile, [`it is no longer watched: ${messageOf(cause)}`]),
      signal,
    });
    return tokens;
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics;
  }

  /** Called after the file was read anew. */
  set onChange(changed: () => void) {
    this.#changed = changed;
  }

  /** @param authorization the header; one that is wrong is nobody's, also where services are open */
  speaker(authorization: string | undefined): Speaker | undefined {
    if (authorization === undefined) return this.#options.open.length === 0 ? undefined : { kind: 'anyone-open' };
    const token = /^Bearer (\S{1,4096})$/i.exec(authorization)?.[1];
    if (token === undefined) return undefined;
    const digest = digestOf(token);
    const known = this.#known.get(bucketOf(digest))?.find((one) => timingSafeEqual(one.digest, digest));
    return known === undefined ? undefined : { kind: 'service', service: known.service };
  }

  /** Whether they may speak for this service. */
  mayBe(speaker: Speaker, service: string): boolean {
    const { open } = this.#options;
    return speaker.kind === 'service' ? speaker.service === service : open.includes(service) || open.includes('*');
  }

  async #read(file: string): Promise<void> {
    try {
      const { size } = await stat(file);
      if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, and at most ${MOST_BYTES} are read`);
      const known = new Map<string, Known[]>();
      const wrong: string[] = [];
      for (const [at, line] of (await readFile(file, 'utf8')).split(/\r?\n/).entries()) {
        if (line.trim() === '' || line.startsWith('#')) continue;
        const entry = entryOf(line);
        if (entry === undefined) wrong.push(`line ${at + 1} is no \`SERVICE TOKEN\``);
        else known.set(bucketOf(entry.digest), [...(known.get(bucketOf(entry.digest)) ?? []), entry]);
      }
      this.#known = known;
      this.#wrong(file, wrong);
    } catch (error) {
      // The tokens that were known stay: a file that is being replaced locks nobody out.
      this.#wrong(file, [messageOf(error)]);
    }
    this.#changed();
  }

  #wrong(file: string, problems: readonly string[]): void {
    this.#diagnostics = problems.slice(0, MOST_WRONG).map((what) => ({
      code: 'agent.tokens',
      severity: 'error',
      where: file,
      what,
      meaning: 'agents that come with such a token are turned away; those of the other lines are not concerned',
      remedy:
        'one `SERVICE TOKEN` or `SERVICE sha256:HEX` a line; tokens have at least 16 characters, and one belongs to one service',
    }));
  }
}

function entryOf(line: string): Known | undefined {
  const [, service = '', text = ''] = /^\s*([\w][\w.:@/-]{0,252})\s+(\S+)\s*$/.exec(line) ?? [];
  const hash = /^sha256:([0-9a-f]{64})$/i.exec(text)?.[1];
  if (service === '' || (hash === undefined && (text.length < 16 || text.startsWith('sha256:')))) return undefined;
  return { service, digest: hash === undefined ? digestOf(text) : Buffer.from(hash, 'hex') };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function bucketOf(digest: Buffer): string {
  return digest.toString('latin1', 0, 8);
}
