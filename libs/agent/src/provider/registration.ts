/**
 * One instance of this process in one registry, kept there by the application's own client. Each step may be called again, and may
 * be missing where the registry or the client has no such thing.
 */
export interface Registration {
  /** `nacos/public/DEFAULT_GROUP/orders 10.0.0.7:8080`; another of the same id replaces it. */
  readonly id: string;
  /** What the registry calls the service, `KIND/NAMESPACE/GROUP/NAME`; without it no plan takes it out. */
  readonly sdkName?: string;
  /** Registers, and is seen as healthy when it resolves. Also the way back after `deregister`. */
  register(): Promise<void>;
  /** The share of its full weight that callers see, above 0 and up to 1; only where the registry has weights. */
  readonly setShare?: (share: number) => Promise<void>;
  /** Sends no more signs of life; resolves when none is under way any more: one that arrives late would register it again. */
  readonly stopBeats?: () => Promise<void>;
  /** Callers should no longer choose it, though it is still there (Eureka's OUT_OF_SERVICE). */
  readonly takeOut?: () => Promise<void>;
  deregister(): Promise<void>;
  /** It is taken out on purpose: what the application goes on telling the registry about it is answered in the process, as if all were well. */
  readonly quiet?: (isQuiet: boolean) => void;
  /** Until callers have noticed, ms: what the registry and its clients add up to. */
  readonly propagationMs: number;
}
