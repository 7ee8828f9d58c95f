import { deadlineSignal, messageOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import { clockSkew } from '@isthmus/registry';
import type { Finding, SourceDeps } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import { decodeUtf8 } from './answer-scanner.ts';
import type { EurekaConfig } from './config.ts';
import { readCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import { AnswerFetcher } from './fetch-answer.ts';
import type { AnswerRequest } from './fetch-answer.ts';
import { EurekaReader } from './reader.ts';

const DEADLINE_MS = 9_000;
const MOST_PAGE_BYTES = 16 * 1024 * 1024;

/** Every server is asked: a peer that does not answer is only noticed when it is needed. */
export async function eurekaDoctor(
  id: SourceId,
  config: EurekaConfig,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  let credentials: Credentials;
  try {
    credentials = await readCredentials(config, deps.baseDir);
  } catch (thrown) {
    return [problem(`Eureka ${id}`, thrown)];
  }
  const limited = deadlineSignal(DEADLINE_MS, signal);
  const findings = await Promise.all(
    config.servers.map((server) => examine(id, server, config, credentials, () => deps.clock.now(), limited)),
  );
  return findings.flat();
}

async function examine(
  id: SourceId,
  server: string,
  config: EurekaConfig,
  credentials: Credentials,
  now: () => number,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const timeoutMs = Math.min(config.timeout, DEADLINE_MS);
  const request = { url: server, timeoutMs, mostBytes: config.maxAnswerMegabytes * 1024 * 1024, ...credentials };
  const reader = new EurekaReader(id, config.services);
  const fetcher = new AnswerFetcher();
  const findings: Finding[] = [];
  try {
    const full = await reader.read({ ...request, kind: 'full' }, () => undefined, signal);
    // No answer of Eureka's REST names a version.
    findings.push({
      level: 'ok',
      what: `Eureka at ${server} answers, ${full.applications} application${full.applications === 1 ? '' : 's'} (Eureka does not tell its version)`,
    });
    for (const { what, meaning, remedy } of full.problems.slice(0, 5))
      findings.push({ level: 'warning', what: `${what}; ${meaning}`, remedy });
    findings.push(...(await clockSkew(server, now, signal)));
    findings.push(await deltaFinding(reader, { ...request, kind: 'delta' }, signal));
    findings.push(...dashboardFindings(server, config.servers, await dashboard(fetcher, request, signal)));
  } catch (thrown) {
    findings.push(problem(`Eureka at ${server}`, thrown));
  } finally {
    reader.close();
    fetcher.close();
  }
  return findings;
}

async function deltaFinding(
  reader: EurekaReader,
  request: Parameters<EurekaReader['read']>[0],
  signal: AbortSignal,
): Promise<Finding> {
  try {
    await reader.read(request, () => undefined, signal);
    return { level: 'ok', what: `${request.url} gives deltas` };
  } catch (thrown) {
    const why = thrown instanceof AnswerError ? thrown.failure.what : messageOf(thrown);
    return {
      level: 'warning',
      what: `${request.url} gives no deltas: ${why}; everything is read each time, six times less often`,
      remedy: 'leave eureka.server.disable-delta at false',
    };
  }
}

/**
 * Only the dashboard says whether leases still expire and who the peers are (`/eureka/status`, which should, answers 500
 * in Spring Cloud 2025.0). Its "unavailable-replicas" are no help: peers that do not register themselves are always among them.
 */
function dashboardFindings(server: string, servers: readonly string[], html: string): readonly Finding[] {
  const findings: Finding[] = [];
  if (html.includes('EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP')) {
    findings.push({
      level: 'warning',
      what: `${server} is in self-preservation: it no longer removes instances that stopped renewing`,
      remedy: 'find out why renewals are missing; in small installations set eureka.server.enable-self-preservation=false',
    });
  }
  const replicas = /registered-replicas<\/td>\s*<td>([^<]*)</.exec(html)?.[1] ?? '';
  const unknown = replicas
    .split(',')
    .map(withoutAccount)
    .filter((replica) => replica !== '' && !servers.includes(replica));
  if (unknown.length > 0) {
    findings.push({
      level: 'warning',
      what: `${server} replicates with ${unknown.join(', ')}, which is not among the servers of this registry`,
      remedy: 'add it to servers, so that reading goes on there when this one is gone',
    });
  }
  return findings;
}

/** The dashboard shows peers with the account that they are written to with. */
function withoutAccount(text: string): string {
  const url = URL.parse(text.trim());
  if (url === null) return '';
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}

/** Empty when there is none (`eureka.dashboard.enabled=false`): what it tells is only extra. */
async function dashboard(fetcher: AnswerFetcher, request: AnswerRequest, signal: AbortSignal): Promise<string> {
  const url = new URL('..', `${request.url}/`).href;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of fetcher.fetch({ ...request, url, accept: 'text/html', mostBytes: MOST_PAGE_BYTES }, signal))
      chunks.push(chunk);
    return decodeUtf8(Buffer.concat(chunks));
  } catch {
    return '';
  }
}

function problem(where: string, thrown: unknown): Finding {
  if (!(thrown instanceof AnswerError))
    return { level: 'error', what: `${where}: ${messageOf(thrown)}`, remedy: 'report this as a bug of Isthmus' };
  return { level: 'error', what: `${where}: ${thrown.failure.what}`, remedy: thrown.failure.remedy };
}
