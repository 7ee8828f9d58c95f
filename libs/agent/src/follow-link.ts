import { readFileSync, realpathSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import type { Agent } from './agent.ts';
import type { Handover } from './handover.ts';
import { watchEntry } from './watch-entry.ts';

/** What every version of the package exports, as far as the one before it depends on that. */
interface AgentPackage {
  readonly register: (env: NodeJS.ProcessEnv, from: Handover) => Agent | undefined;
}

export interface LinkOptions {
  /** `ISTHMUS_AGENT_LINK`: a symbolic link to the package's folder, as `/opt/isthmus/agent`. */
  readonly link: string;
  /** Takes the present agent away and starts this one in its place, in one turn; the present one again where that fails. */
  readonly replace: (next: AgentPackage) => void;
  readonly refused: (message: string) => void;
}

/**
 * Watches the link; when it leads elsewhere, the agent there takes the place of this one, in the running process. It is loaded before
 * anything is taken away, so one that cannot be loaded changes nothing.
 * @returns ends it
 * @throws {Error} for a link that leads nowhere or cannot be watched
 */
export function followLink({ link, replace, refused }: LinkOptions): () => void {
  let at = realpathSync(link);
  const look = (): void => {
    try {
      const now = realpathSync(link);
      if (now === at) return;
      at = now;
      replace(load(now));
    } catch (error) {
      refused((error as Error).message);
    }
  };
  return watchEntry({ path: link, changed: look, lost: refused });
}

/** @throws {Error} for what is no agent */
function load(directory: string): AgentPackage {
  const manifest = join(directory, 'package.json');
  const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: unknown };
  if (name !== '@isthmus/agent') throw new Error(`${directory} has the package ${JSON.stringify(name)}, not @isthmus/agent`);
  const loaded = Module.createRequire(manifest)(directory) as Partial<AgentPackage>;
  if (typeof loaded.register !== 'function') throw new Error(`what ${directory} exports has no register`);
  return loaded as AgentPackage;
}
