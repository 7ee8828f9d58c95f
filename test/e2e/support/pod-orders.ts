/** What `PodApplication` asks of `pod-main.ts`, and what it is answered. */
export type PodOrder =
  /** HTTP and TCP servers that answer with a name; they listen on all addresses of the pod. */
  | { readonly kind: 'serve'; readonly name: string; readonly http: number; readonly tcp: number }
  /** A port on the pod's loopback that leads to a Unix socket: network namespaces have the files in common. */
  | { readonly kind: 'forward'; readonly port: number; readonly socket: string }
  | { readonly kind: 'served' }
  /** As an ordinary client: `host` is dialled, found by `addresses` where it is a name (the pod's DNS). */
  | { readonly kind: 'http'; readonly host: string; readonly port: number; readonly path: string; readonly addresses: Names }
  /** Says hello and reads to the end. */
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number };

export type Names = Readonly<Record<string, string>>;

export interface Served {
  readonly http: number;
  readonly tcp: number;
  /** Addresses that connections came from. */
  readonly from: readonly string[];
}

export interface PodAnswer {
  /** Of HTTP; 0 for a connection that failed. */
  readonly status: number;
  readonly body: string;
}
