import type { Scope } from '@isthmus/model';
import type { RegistrySource } from '../registry-source.ts';

/** What a test registers; each harness turns it into what its registry takes. */
export interface TestInstance {
  readonly address: string;
  readonly port: number;
  readonly weight?: number;
  readonly healthy?: boolean;
  readonly enabled?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What a registry cannot do is said here once, with the reason, instead of being skipped in silence. */
export interface HarnessAbilities {
  /** Weights other than 1 can be registered (Eureka: as metadata "weight"). */
  readonly weight: boolean;
  /** An instance can be taken out by an operator without deregistering it. */
  readonly disable: boolean;
  /** Restarted without its data the registry answers "nothing here" (Nacos ephemeral, Eureka). */
  readonly emptyAfterRestart: boolean;
  /** Needs credentials, so `open({ password: 'wrong' })` means something. */
  readonly auth: boolean;
  /** `false`: there is no connection that could hang (a file). `hang` and `resume` are not called then. */
  readonly hangs?: false;
  /** `false`: nothing tells when a server that is silent was last alive (gRPC keeps its keepalive to itself). */
  readonly lastWord?: false;
}

/**
 * A registry under test: a scripted wire (unit) or the real server (real). The contract suite runs on both, which is
 * what makes the scripted one worth believing.
 */
export interface RegistryHarness {
  readonly abilities: HarnessAbilities;
  readonly scope: Scope;
  /** A new source on this registry, with short intervals where the product lets them be configured. */
  open(options?: { readonly password?: 'right' | 'wrong' }): RegistrySource;
  /** Adds the instance, or changes it when address and port are known. The instance then stays until removed (heartbeats included). */
  register(service: string, instance: TestInstance): Promise<void>;
  deregister(service: string, address: string, port: number): Promise<void>;
  /** Registers `count` services named `<prefix>-<n>` with one instance each, quickly. */
  registerMany(prefix: string, count: number): Promise<void>;
  /** The server is gone: connections are refused. */
  down(): Promise<void>;
  /** The server is back on the same address; with or without what it knew. */
  up(options: { readonly keepData: boolean }): Promise<void>;
  /** The server accepts connections and answers nothing (SIGSTOP). */
  hang(): Promise<void>;
  resume(): Promise<void>;
  /** Connections that our sources (not the providers) hold at the server, where the harness can count them. */
  connections?(): Promise<number>;
  close(): Promise<void>;
}
