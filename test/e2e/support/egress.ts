import { request } from 'node:http';
import { Agent } from 'node:http';

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

export interface EgressAnswer {
  readonly status: number;
  readonly body: string;
}

/** A call as a caller beside an Envoy makes it: to the egress port, naming the service in the Host header. */
export function callEgress(
  port: number,
  host: string,
  headers: Readonly<Record<string, string>> = {},
  path = '/',
): Promise<EgressAnswer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent, headers: { ...headers, host } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject);
    call.end();
  });
}

/** Answers per body, over `count` calls. */
export async function shares(port: number, host: string, count: number, atOnce = 16): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const { status, body } = await callEgress(port, host);
      const key = status === 200 ? body : `status ${status}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return counts;
}
