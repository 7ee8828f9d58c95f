import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentPlan } from '@isthmus/contract';
import { LONGEST_PLAN, readPlan } from '../read-plan.ts';
import type { ReadPlan } from '../read-plan.ts';

/** The last plan on disk (`ISTHMUS_CACHE_DIR`), for a start while the control plane is away. Of this user only: mode 0600. */
export class CachedPlan {
  readonly #directory: string;
  readonly #file: string;
  #isWriting = false;
  #next: AgentPlan | undefined;

  constructor(directory: string, service: string) {
    this.#directory = directory;
    this.#file = join(directory, `isthmus-plan-${encodeURIComponent(service)}.json`);
  }

  get file(): string {
    return this.#file;
  }

  /** Undefined where there is none. A file of another user, or one that others may write, is not read. @throws {Error} of the file system */
  read(): ReadPlan | undefined {
    if (!existsSync(this.#file)) return undefined;
    const { size, uid, mode } = statSync(this.#file);
    if (size > LONGEST_PLAN) return { ok: false, why: `it has ${size} bytes` };
    if (typeof process.getuid === 'function' && (uid !== process.getuid() || (mode & 0o022) !== 0))
      return { ok: false, why: 'another user could have written it' };
    return readPlan(readFileSync(this.#file, 'utf8'));
  }

  /** Whole or not at all; of plans that follow one another while one is written only the last. */
  write(plan: AgentPlan, failed: (error: Error) => void): void {
    this.#next = plan;
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#writeAll()
      .catch(failed)
      .finally(() => (this.#isWriting = false));
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== undefined) {
      const text = JSON.stringify(this.#next);
      this.#next = undefined;
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const temporary = `${this.#file}.${process.pid}`;
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
        await file.close();
        await rename(temporary, this.#file);
      } catch (error) {
        await file.close().catch(() => undefined);
        await unlink(temporary).catch(() => undefined);
        throw error;
      }
    }
  }
}
