/** One of the ports of an application: `[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]`. */
export interface DubboEndpoint {
  readonly port: unknown;
  readonly protocol: string;
}

/** Far more than any application has; what comes after is somebody's mistake. */
const MOST = 64;

/** Was the instance registered by Dubbo 3 at application level? */
export function isDubboApplication(metadata: Readonly<Record<string, unknown>>): boolean {
  return metadata['dubbo.endpoints'] !== undefined || metadata['dubbo.metadata.revision'] !== undefined;
}

/** `dubbo.endpoints` of an application's metadata; undefined when it is not there or makes no sense. */
function dubboEndpoints(text: unknown): readonly DubboEndpoint[] | undefined {
  if (typeof text !== 'string') return undefined;
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const endpoints = list.slice(0, MOST).flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { port, protocol } = entry as { readonly port?: unknown; readonly protocol?: unknown };
    return typeof protocol === 'string' ? [{ port, protocol }] : [];
  });
  return endpoints.length === 0 ? undefined : endpoints;
}

/** Ports with their protocol, also where the metadata has none: then it is the instance's own port, by Dubbo's default protocol. */
export function applicationEndpoints(metadata: Readonly<Record<string, unknown>>, port: unknown): readonly DubboEndpoint[] {
  return dubboEndpoints(metadata['dubbo.endpoints']) ?? [{ port, protocol: 'dubbo' }];
}
