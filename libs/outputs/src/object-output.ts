import type { Diagnostic, MeshHost, MeshObject, OutputPlan } from '@isthmus/model';

/** What a host is to be now; no objects: it is gone. Asked when it is written, so that a burst of changes is one write. */
export type Render = (host: MeshHost) => readonly MeshObject[];

/**
 * An output that keeps objects where they outlive the bridge: files, a cluster. It writes what hosts are, takes away what
 * it wrote itself and nobody wants any more, and touches nothing else.
 */
export interface ObjectOutput {
  /** As the config has it: `files out`. */
  readonly name: string;
  /** These hosts have changed, came or went. Cheap: writing comes later, each host once. */
  touch(hosts: Iterable<MeshHost>): void;
  /**
   * The sync gate. Open: every source has been read completely, and all of it was touched; what is there of ours and no host
   * wants is then a leftover of an earlier run, and goes. Closed (as at the start): leftovers stay.
   */
  complete(isComplete: boolean): void;
  /** What could not be written, where and why. */
  diagnostics(): readonly Diagnostic[];
  /** How many hosts wait to be written; 0 when all is as it should be. */
  readonly pending: number;
  /** What it would write now for these hosts, compared with what is there. Writes nothing. @throws when that cannot be read */
  plan(hosts: Iterable<MeshHost>, signal: AbortSignal): Promise<OutputPlan>;
  /** Writes until the signal aborts. Never throws. */
  run(signal: AbortSignal): Promise<void>;
}
