import { IsthmusError } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { scopeDiagnostic } from '@isthmus/registry';
import { bareName } from './grpc-reads.ts';
import type { HttpClient } from './http.ts';
import { readJsonObject } from './json-body.ts';
import type { ServerAddress } from './server-address.ts';

/** Where Nacos puts services without a group; always read where `*` is configured. */
export const DEFAULT_GROUP = 'DEFAULT_GROUP';

const PAGE_SIZE = 2_000;
const MOST_PAGES = 250;

export interface GroupSearch {
  readonly http: HttpClient;
  readonly server: ServerAddress;
  readonly token: string | undefined;
  readonly namespace: string;
  readonly deadlineMs: number;
}

/**
 * The groups that have services, from the HTTP API that lists services of all groups: v3 admin, else v1 catalog. Both need
 * more than a reader's rights on some servers; undefined when neither answers.
 *
 * @throws IsthmusError `registry.unreachable` or `registry.timeout` only.
 */
export async function findGroups(search: GroupSearch, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  return (await search3(search, signal)) ?? (await search1(search, signal));
}

function search3(search: GroupSearch, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  return pages(search, signal, (pageNo) => {
    const query = new URLSearchParams({ namespaceId: search.namespace, pageNo: String(pageNo), pageSize: String(PAGE_SIZE) });
    return [
      `/v3/admin/ns/service/list?${query}`,
      (json) => entries((json['data'] as { pageItems?: unknown } | null | undefined)?.pageItems),
    ];
  });
}

function search1(search: GroupSearch, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  return pages(search, signal, (pageNo) => {
    const query = new URLSearchParams({
      namespaceId: search.namespace,
      withInstances: 'false',
      hasIpCount: 'false',
      pageNo: String(pageNo),
      pageSize: String(PAGE_SIZE),
    });
    return [`/v1/ns/catalog/services?${query}`, (json) => entries(json['serviceList'])];
  });
}

type Page = readonly [path: string, entriesOf: (json: Readonly<Record<string, unknown>>) => readonly unknown[] | undefined];

async function pages(
  search: GroupSearch,
  signal: AbortSignal,
  page: (pageNo: number) => Page,
): Promise<ReadonlySet<string> | undefined> {
  const groups = new Set<string>();
  for (let pageNo = 1; pageNo <= MOST_PAGES; pageNo += 1) {
    const [path, entriesOf] = page(pageNo);
    const found = await read(search, path, signal);
    const list = found && entriesOf(found);
    if (list === undefined) return undefined;
    for (const entry of list) groups.add(groupOf(entry));
    if (list.length < PAGE_SIZE) break;
  }
  groups.delete('');
  return groups;
}

async function read(
  search: GroupSearch,
  path: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const answer = await search.http.send(
      {
        method: 'GET',
        url: `${search.server.http}${path}`,
        headers: search.token === undefined ? {} : { authorization: `Bearer ${search.token}` },
        deadlineMs: search.deadlineMs,
      },
      signal,
    );
    return answer.status === 200 ? readJsonObject(answer.body, path.replace(/\?.*/, '')) : undefined;
  } catch (thrown) {
    if (IsthmusError.is(thrown) && (thrown.code === 'registry.protocol' || thrown.code === 'registry.too-large'))
      return undefined;
    throw thrown;
  }
}

function entries(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function groupOf(entry: unknown): string {
  if (typeof entry !== 'object' || entry === null) return '';
  const { groupName, name, serviceName } = entry as { groupName?: unknown; name?: unknown; serviceName?: unknown };
  if (typeof groupName === 'string' && groupName !== '') return groupName;
  const grouped = typeof name === 'string' ? name : typeof serviceName === 'string' ? serviceName : '';
  return grouped.includes('@@') ? grouped.slice(0, grouped.length - bareName(grouped).length - 2) : '';
}

/** @param where the scope of `DEFAULT_GROUP` */
export function unknownGroups(where: string): Diagnostic {
  return scopeDiagnostic(
    where,
    'registry.partial',
    'groups: ["*"] cannot be resolved: neither the HTTP API that lists services of all groups nor a complete fuzzy watch is allowed',
    'services of other groups than DEFAULT_GROUP may be missing',
    'name the groups in the config, or give the user the rights that docs/registries/nacos.md lists',
    'warning',
  );
}
