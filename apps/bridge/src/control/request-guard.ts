import { isIP } from 'node:net';
import type { Config } from '@isthmus/config';
import { isLoopback } from '@isthmus/config';
import type { Problem } from '@isthmus/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AgentTokens } from '../agents/agent-tokens.ts';
import type { AdminTokens } from './admin-token.ts';

/** Read by load balancers and Prometheus, which have no token; they tell no names. */
const OPEN_PATHS = new Set(['/healthz', '/readyz']);

/** Where agents come, each with the token of its service, which opens nothing else. */
const AGENT_PATHS = new Set(['/api/v1/agents/stream', '/api/v1/agents/reports']);

/**
 * Every request passes here before any handler. Host and Origin are checked, or a web page could reach a loopback port
 * by a name of its own (DNS rebinding) or by a form. Writes need a token; beyond loopback reads need one too.
 */
export function guardRequests(http: FastifyInstance, control: Config['control'], tokens: AdminTokens, agents: AgentTokens): void {
  const local = isLoopback(control.listen.host);
  http.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const refusal = refuse(request, local, control, tokens, agents);
    if (refusal === undefined) {
      reply
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .header('x-frame-options', 'DENY');
      return done();
    }
    void reply.code(refusal.status).type('application/problem+json').send(refusal);
  });
}

function refuse(
  request: FastifyRequest,
  local: boolean,
  control: Config['control'],
  tokens: AdminTokens,
  agents: AgentTokens,
): Problem | undefined {
  const host = hostName(request.headers.host);
  const own = host !== undefined && (isIP(host) !== 0 || host === 'localhost' || host === control.listen.host);
  // Beyond loopback the bridge has names that it does not know of, and a token guards it instead.
  if (local && !(own && isLoopback(host))) {
    return problem(
      421,
      'Wrong host',
      `this port serves loopback names only, not ${JSON.stringify(request.headers.host ?? '')}`,
      `call it as http://127.0.0.1:${control.listen.port}`,
    );
  }
  const origin = request.headers.origin;
  if (origin !== undefined && hostName(origin.replace(/^https?:\/\//, '')) !== host) {
    return problem(
      403,
      'Wrong origin',
      `requests from pages of ${origin} are refused`,
      'use the console that the bridge itself serves',
    );
  }
  if (AGENT_PATHS.has(request.url.split('?', 1)[0] ?? '')) {
    if (origin === undefined && agents.speaker(request.headers.authorization) !== undefined) return undefined;
    return problem(
      401,
      'Token of a service needed',
      'no token was sent that an agent may come with',
      'put the token of the service into ISTHMUS_TOKEN_FILE and into agents.tokensFile; on loopback agents.open names services without one',
    );
  }
  const write = request.method !== 'GET' && request.method !== 'HEAD';
  const reads = !local && !control.insecure && !OPEN_PATHS.has(request.url);
  if ((write || reads) && !tokens.allows(request.headers.authorization)) {
    return problem(
      401,
      'Token needed',
      'no valid token was sent',
      'send "Authorization: Bearer TOKEN"; the token is in admin.token beside the ledger, or in control.auth.tokensFile',
    );
  }
  return givenTwice(request);
}

/** Every parameter is one text: what handlers take for one must not be a list. */
function givenTwice({ query }: FastifyRequest): Problem | undefined {
  const name = Object.entries(query as Record<string, unknown>).find(([, value]) => typeof value !== 'string')?.[0];
  if (name === undefined) return undefined;
  return problem(400, 'Given twice', `the parameter ${JSON.stringify(name)} is there more than once`, 'give it once');
}

/** Without port and brackets, in lower case. */
function hostName(authority: string | undefined): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(authority?.toLowerCase() ?? '');
  return match?.[1] ?? match?.[2];
}

function problem(status: number, title: string, detail: string, remedy: string): Problem {
  return { type: 'about:blank', title, status, detail, remedy };
}
