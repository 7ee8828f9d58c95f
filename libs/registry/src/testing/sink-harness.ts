import type { SinkWire } from '../registry-sink.ts';

/** What an SDK that reads the registry would call. */
export interface SeenInstance {
  readonly address: string;
  readonly port: number;
  /** 1 where the registry has no weights. */
  readonly weight: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A registry to publish into: an invented one in memory (unit) or the real server (real). */
export interface SinkHarness {
  /** Of what the tests publish; short, but longer than a busy machine makes a renewal late. */
  readonly ttlMs: number;
  /** Longest until callers no longer see what nobody renews. */
  readonly goneWithinMs: number;
  /** Every harness has a registry that asks for credentials. */
  wire(password?: 'right' | 'wrong'): SinkWire;
  /** Instances that callers would use: healthy ones only. */
  seen(service: string): Promise<readonly SeenInstance[]>;
  /** As a service registers itself; it stays until the registry restarts. */
  register(service: string, address: string, port: number): Promise<void>;
  down(): Promise<void>;
  up(options: { readonly keepData: boolean }): Promise<void>;
  hang(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}
