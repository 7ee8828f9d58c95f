import { createHash } from 'node:crypto';
import { IsthmusError } from '@isthmus/model';
import type { ErrorCode } from '@isthmus/model';
import { marksOf, marksToMetadata } from '@isthmus/registry';
import type { ListedEntry, SinkEntry, SinkSession, SinkWire, SinkWireDeps } from '@isthmus/registry';
import { parseJson } from './answer.ts';
import type { ConsulClient } from './client.ts';
import type { ConsulConfig } from './config.ts';
import { connectTo } from './connect.ts';
import { ConsulFailure } from './failure.ts';
import type { FailureKind } from './failure.ts';

/** Calls are short; more connections would not make Consul's writes faster. */
const CONNECTIONS = 16;
/** The shortest that Consul takes (it looks every 30 s): after that a critical entry is removed by its agent. */
const LEAST_DEREGISTER_MS = 60_000;
/** Limits of `Meta`: names of these signs, 128 long, values 512, 64 of them. */
const META_NAME = /^[a-zA-Z0-9_-]{1,128}$/;
const MOST_META = 64;
const MOST_META_VALUE = 512;

/** Publishes at the agents of a Consul datacenter: services with a TTL check, which the agent removes when nobody renews it. */
export function consulSink(config: ConsulConfig, deps: SinkWireDeps): SinkWire {
  return {
    async connect(attempt, signal): Promise<SinkSession> {
      try {
        const client = await connectTo(config, deps, attempt, CONNECTIONS, signal);
        try {
          await client.leader({ dc: undefined });
        } catch (thrown) {
          await client.close();
          throw thrown;
        }
        return sessionOf(client, deps.meshId);
      } catch (thrown) {
        throw errorOf(thrown);
      }
    },
  };
}

function sessionOf(client: ConsulClient, meshId: string): SinkSession {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      throw errorOf(thrown);
    }
  };
  return {
    list: (at) =>
      guarded(async () => {
        const answer = await client.health(at.name, { dc: undefined });
        if (answer.denyByDefault && answer.filtered) throw new ConsulFailure('auth', `the ACL token may not read ${at.name}`);
        const entries = parseJson(answer.body, answer.contentType);
        return Array.isArray(entries) ? entries.flatMap((entry: HealthEntry) => listed(entry)) : [];
      }),
    register: (entry) =>
      guarded(async () => {
        const id = idOf(entry, meshId);
        await client.write('agent/service/register', registration(entry, id));
        await client.write(`agent/check/pass/${encodeURIComponent(checkOf(id))}`); // registering again keeps a check's state
      }),
    renew: (entry) =>
      guarded(async () => {
        const status = await client.write(
          `agent/check/pass/${encodeURIComponent(checkOf(idOf(entry, meshId)))}`,
          undefined,
          [404],
        );
        return status === 404 ? 'unknown' : 'renewed';
      }),
    deregister: (entry) =>
      guarded(async () => {
        await client.write(`agent/service/deregister/${encodeURIComponent(idOf(entry, meshId))}`, undefined, [404]);
      }),
    mayWrite: (at) => guarded(() => demandWrite(client, at.name)),
    close: () => void client.close(),
  };
}

/** @throws ConsulFailure `auth` */
export async function demandWrite(client: ConsulClient, name: string): Promise<void> {
  if ((await client.mayWriteService(name)) === false)
    throw new ConsulFailure('auth', `the ACL token may not write ${name} (service:write)`);
}

interface HealthEntry {
  readonly Service?: { readonly Address?: unknown; readonly Port?: unknown; readonly Meta?: unknown };
  readonly Node?: { readonly Address?: unknown };
}

function listed({ Service, Node }: HealthEntry): readonly ListedEntry[] {
  const address = typeof Service?.Address === 'string' && Service.Address !== '' ? Service.Address : Node?.Address;
  const { Port: port, Meta } = Service ?? {};
  if (typeof address !== 'string' || typeof port !== 'number') return [];
  return [{ address, port, marks: marksOf(typeof Meta === 'object' && Meta !== null ? (Meta as Record<string, unknown>) : {}) }];
}

/** Starts with `isthmus-` and holds mesh and service, for who looks at an agent; the hash keeps it unique and legal. */
function idOf({ at, address, port }: SinkEntry, meshId: string): string {
  const hash = createHash('sha256').update(`${meshId} ${at.name} ${address} ${port}`).digest('hex').slice(0, 12);
  return `isthmus-${meshId}-${at.name.replace(/[^a-zA-Z0-9_-]+/g, '-').slice(0, 100)}-${hash}`;
}

function checkOf(id: string): string {
  return `${id}-ttl`;
}

/** As Spring Cloud registers: `Meta.secure` for its callers, and `secure=` as a tag for those of older versions. */
function registration(entry: SinkEntry, id: string): object {
  const { at, address, port, protocol, ttlMs } = entry;
  const secure = String(protocol === 'https' || protocol === 'tls');
  const meta: Record<string, string> = {
    ...marksToMetadata(entry.marks),
    secure,
    ...(protocol === 'http' || protocol === 'https' ? {} : { protocol }),
  };
  for (const [key, value] of Object.entries(entry.metadata).sort()) {
    const fits = META_NAME.test(key) && Buffer.byteLength(value) <= MOST_META_VALUE && Object.keys(meta).length < MOST_META;
    if (!(key in meta) && fits) meta[key] = value;
  }
  const passing = Math.max(1, Math.min(65_535, Math.round(entry.weight)));
  return {
    ID: id,
    Name: at.name,
    Address: address,
    Port: port,
    Tags: ['isthmus', `secure=${secure}`],
    Meta: meta,
    Weights: { Passing: passing, Warning: 1 },
    Check: {
      CheckID: checkOf(id),
      Name: 'renewed by Isthmus',
      TTL: `${ttlMs}ms`,
      Status: 'passing',
      DeregisterCriticalServiceAfter: `${Math.max(LEAST_DEREGISTER_MS, ttlMs)}ms`,
    },
  };
}

const CODES: Readonly<Record<FailureKind, ErrorCode>> = {
  unreachable: 'registry.unreachable',
  timeout: 'registry.timeout',
  leader: 'registry.unreachable',
  busy: 'registry.unreachable',
  auth: 'registry.auth',
  protocol: 'registry.protocol',
  answer: 'registry.protocol',
};

/** As the sinks and correctors of every registry throw it. */
export function errorOf(thrown: unknown): unknown {
  if (!(thrown instanceof ConsulFailure)) return thrown;
  const rights =
    thrown.kind === 'auth' ? { remedy: 'give the token service:write on these names (docs/way-back.md, Rights)' } : {};
  return new IsthmusError(CODES[thrown.kind], thrown.message, { cause: thrown, ...rights });
}
