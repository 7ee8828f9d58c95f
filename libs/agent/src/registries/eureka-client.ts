/** What of `eureka-js-client` 4 (and its fork `@rocketsoftware/eureka-js-client`) the wrapper touches. */
export interface EurekaClient {
  readonly config?: {
    readonly eureka?: { readonly filterUpInstances?: boolean; readonly registerWithEureka?: boolean };
    readonly instance?: { app?: string; status?: string; readonly ipAddr?: string; readonly hostName?: string };
    readonly shouldUseDelta?: boolean;
  };
  readonly instanceId?: string;
  cache?: EurekaCache;
  heartbeat?: NodeJS.Timeout;
  register(callback: (error?: unknown) => void): void;
  deregister(callback: (error?: unknown) => void): void;
  startHeartbeats(): void;
  eurekaRequest(
    options: { readonly method: string; readonly uri: string },
    callback: (error: unknown, response: { readonly statusCode?: number } | undefined, body: unknown) => void,
  ): void;
}

export interface EurekaCache {
  readonly app: Readonly<Record<string, readonly EurekaInstance[] | undefined>>;
}

export interface EurekaInstance {
  readonly app?: string;
  readonly hostName?: string;
  readonly ipAddr?: string;
  readonly status?: string;
  readonly actionType?: string;
  readonly port?: unknown;
  readonly securePort?: unknown;
  readonly metadata?: unknown;
}

/** Eureka does not tell letters by case, and its server answers in capitals; the bridge has them in small letters. */
export function eurekaName(app: string): string {
  return `eureka///${app.toLowerCase()}`;
}
