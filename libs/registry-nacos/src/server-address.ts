/** One member of the cluster, from its URL in the config. */
export interface ServerAddress {
  /** `http://127.0.0.1:8848/nacos`, without a slash at the end. */
  readonly http: string;
  /** `127.0.0.1:9848` */
  readonly grpc: string;
  /** gRPC over TLS. */
  readonly secure: boolean;
}

/** Nacos serves under `/nacos` unless its context path was changed. */
export function serverAddress(url: string, grpcPortOffset: number, grpcTls?: boolean): ServerAddress {
  const parsed = new URL(url);
  const isHttps = parsed.protocol === 'https:';
  const port = Number(parsed.port === '' ? (isHttps ? 443 : 80) : parsed.port);
  const path = parsed.pathname.replace(/\/+$/, '');
  return {
    http: `${parsed.protocol}//${parsed.hostname}:${port}${path === '' ? '/nacos' : path}`,
    grpc: `${parsed.hostname}:${port + grpcPortOffset}`,
    secure: grpcTls ?? isHttps,
  };
}

/** The member a `ConnectResetRequest` names by HTTP port. */
export function redirected(from: ServerAddress, ip: string, httpPort: number, grpcPortOffset: number): ServerAddress {
  const base = new URL(from.http);
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return {
    http: `${base.protocol}//${host}:${httpPort}${base.pathname}`,
    grpc: `${host}:${httpPort + grpcPortOffset}`,
    secure: from.secure,
  };
}
