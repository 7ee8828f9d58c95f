/**
 * An unchanged service: looks a service up by npm `nacos` and calls what it finds, by `http` and by the built-in `fetch` in turn. It
 * knows nothing of the agent, which is put before it by `--require`. Arguments: Nacos (host:port), service. A message `report` is
 * answered with what was called since the last one. Each call has a number of its own, as `x-call`.
 */
import { Agent, get } from 'node:http';
import { NacosNamingClient } from 'nacos';

const [server = '', service = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const quiet = new Proxy(console, { get: () => () => undefined });
let report = { calls: 0, failures: [] as string[] };
let known: readonly { readonly ip: string; readonly port: number }[] = [];
let turn = 0;

function byHttp(place: { readonly ip: string; readonly port: number }, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ host: place.ip, port: place.port, agent, headers, timeout: 5_000 }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
  });
}

async function byFetch(place: { readonly ip: string; readonly port: number }, headers: Record<string, string>): Promise<number> {
  const answer = await fetch(`http://${place.ip}:${place.port}/`, { headers, signal: AbortSignal.timeout(5_000) });
  await answer.text();
  return answer.status;
}

async function call(): Promise<void> {
  const place = known[turn % Math.max(1, known.length)];
  const way = turn % 2 === 0 ? byHttp : byFetch;
  turn += 1;
  if (place === undefined) return;
  try {
    const status = await way(place, { 'x-call': String(turn) });
    if (status !== 200) throw new Error(String(status));
  } catch (error) {
    const { message, cause } = error as Error;
    report.failures.push(`${way.name}: ${message} ${cause instanceof Error ? cause.message : ''}`);
  }
  report.calls += 1;
}

process.on('message', () => {
  process.send?.(report);
  report = { calls: 0, failures: [] };
});
process.on('disconnect', () => process.exit(0));

const client = new NacosNamingClient({ logger: quiet, serverList: server, namespace: 'public' });
await client.ready();
client.subscribe({ serviceName: service, groupName: 'DEFAULT_GROUP', clusters: 'DEFAULT' }, (hosts) => {
  known = hosts.filter(({ healthy, enabled }) => healthy && enabled).map(({ ip, port }) => ({ ip, port }));
});
setInterval(() => void call(), 10);
