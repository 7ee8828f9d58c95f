import { messageOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import type { Finding, SourceDeps } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import { decodeUtf8, isObject } from './answer-scanner.ts';
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
  const limited = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  const findings = await Promise.all(config.servers.map((server) => examine(id, server, config, credentials, limited)));
  return findings.flat();
}

async function examine(
  id: SourceId,
  server: string,
  config: EurekaConfig,
  credentials: Credentials,
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
    findings.push(await deltaFinding(reader, { ...request, kind: 'delta' }, signal));
    findings.push(...(await peerFindings(fetcher, request, signal)));
    findings.push(...(await selfPreservation(fetcher, request, signal)));
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

/** `/status` lists the server's peers: replicas that it cannot reach do not hear of what is registered with it. */
async function peerFindings(fetcher: AnswerFetcher, request: AnswerRequest, signal: AbortSignal): Promise<readonly Finding[]> {
  const text = await page(fetcher, { ...request, url: `${request.url}/status` }, signal);
  let status: unknown;
  try {
    status = JSON.parse(text ?? 'null');
  } catch {
    return []; // an older server: XML only
  }
  const stats = isObject(status) && isObject(status['applicationStats']) ? status['applicationStats'] : {};
  const unavailable = String(stats['unavailable-replicas'] ?? '').replace(/,+$/, '');
  if (unavailable === '') return [];
  return [
    {
      level: 'warning',
      what: `${request.url} cannot reach its peers ${unavailable}`,
      remedy: 'check those servers, and that eureka.client.service-url names each of them by its own eureka.instance.hostname',
    },
  ];
}

/** Only the dashboard says whether leases still expire. */
async function selfPreservation(
  fetcher: AnswerFetcher,
  request: AnswerRequest,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const text = await page(fetcher, { ...request, url: new URL('..', `${request.url}/`).href, accept: 'text/html' }, signal);
  if (text === undefined || !text.includes('EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP')) return [];
  return [
    {
      level: 'warning',
      what: `${request.url} is in self-preservation: it no longer removes instances that stopped renewing`,
      remedy: 'find out why renewals are missing; in small installations set eureka.server.enable-self-preservation=false',
    },
  ];
}

/** Undefined when there is no such page: what it would tell is only extra. */
async function page(fetcher: AnswerFetcher, request: AnswerRequest, signal: AbortSignal): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of fetcher.fetch({ ...request, mostBytes: MOST_PAGE_BYTES }, signal)) chunks.push(chunk);
    return decodeUtf8(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}

function problem(where: string, thrown: unknown): Finding {
  if (!(thrown instanceof AnswerError))
    return { level: 'error', what: `${where}: ${messageOf(thrown)}`, remedy: 'report this as a bug of Isthmus' };
  return { level: 'error', what: `${where}: ${thrown.failure.what}`, remedy: thrown.failure.remedy };
}
