/** The two things that services want of a registry's client, whichever it is. */

export interface Instance {
  readonly host: string;
  readonly port: number;
  /** In the registry's scale; 1 is normal. */
  readonly weight: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Discovery {
  /** Those that take traffic, as the client knows at this moment; empty when it knows none. */
  instances(service: string): readonly Instance[];
}

export interface Registration {
  /** @throws when the registry refuses or cannot be reached. */
  register(): Promise<void>;
  deregister(): Promise<void>;
}

/** Injection token of the registration of the service itself; a service in no registry provides none. */
export const REGISTRATION = Symbol('lab.registration');
