import { formatDuration } from '@isthmus/model';

/** `Cluster` of `type.googleapis.com/envoy.config.cluster.v3.Cluster`; `ServiceEntry` of `networking.istio.io/v1/ServiceEntry`. */
export function typeName(typeUrl: string): string {
  const last = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  return last.slice(last.lastIndexOf('.') + 1);
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `10.0.0.1:80`, `[::1]:80`, or the bare address where a port cannot be meant. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** How long ago; a clock of another machine may be ahead. */
export function ago(now: number, then: number): string {
  return formatDuration(Math.max(0, now - then));
}

export function scopeName(namespace: string, group: string): string {
  return [namespace, group].filter((part) => part !== '').join('/');
}
