/** What of npm `nacos` 2 the wrapper touches, `_` included: its public methods tell neither an empty answer nor a beat under way. */
export interface NacosClient {
  readonly options?: { readonly namespace?: string };
  registerInstance(serviceName: string, instance: NacosInstance, groupName?: string): Promise<void>;
  deregisterInstance(serviceName: string, instance: NacosInstance, groupName?: string): Promise<void>;
  readonly _hostReactor?: NacosHostReactor;
  readonly _beatReactor?: NacosBeatReactor;
  readonly _serverProxy?: NacosServerProxy;
}

export interface NacosInstance {
  readonly ip: string;
  readonly port: number;
  readonly weight?: number;
  readonly ephemeral?: boolean;
  readonly clusterName?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface NacosServiceInfo {
  readonly name: string;
  readonly clusters?: string;
  readonly hosts: readonly unknown[];
  readonly lastRefTime: number;
}

export interface NacosHostReactor {
  readonly _serviceInfoMap?: ReadonlyMap<string, NacosServiceInfo>;
  readonly _futureMap?: ReadonlyMap<string, unknown>;
}

export interface NacosBeat {
  readonly scheduled?: boolean;
}

export interface NacosBeatReactor {
  readonly _dom2Beat?: ReadonlyMap<string, NacosBeat>;
  removeBeatInfo(serviceName: string, ip: string, port: number): void;
  _beat(beat: NacosBeat): Promise<void>;
}

export interface NacosServerProxy {
  readonly namespace?: string;
  readonly options?: { readonly username?: string; readonly password?: string };
}

export function groupedName(serviceName: string, groupName = 'DEFAULT_GROUP'): string {
  return `${groupName}@@${serviceName}`;
}

function namespaceOf(client: NacosClient): string {
  return client._serverProxy?.namespace ?? client.options?.namespace ?? 'public';
}

/** `DEFAULT_GROUP@@orders` → `nacos/public/DEFAULT_GROUP/orders` */
export function nacosName(client: NacosClient, grouped: string): string {
  const [group = '', name = ''] = grouped.split('@@');
  return `nacos/${namespaceOf(client)}/${group}/${name}`;
}

/** Key of the beat reactor; `#` is its separator. */
export function beatKey(grouped: string, { ip, port }: NacosInstance): string {
  return `${grouped}#${ip}#${port}`;
}
