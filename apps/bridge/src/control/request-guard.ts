import { isIP } from 'node:net';
import type { Config } from '@isthmus/config';
import { isLoopback } from '@isthmus/config';
import type { Problem } from '@isthmus/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AdminTokens } from './admin-token.ts';

/** Read by load balancers and Prometheus, which have no token; they tell no names. */
const OPEN_PATHS = new Set(['/healthz', '/readyz']);

/**
 * Every request passes here before any handler. Host and Origin are checked, or a web page could reach a loopback port
 * by a name of its own (DNS rebinding) or by a form. Writes need a token; beyond loopback reads need one too.
 */
export function guardRequests(http: FastifyInstance, control: Config['control'], tokens: AdminTokens): void {
  const local = isLoopback(control.listen.host);
  http.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const refusal = refuse(request, local, control, tokens);
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

function refuse(request: FastifyRequest, local: boolean, control: Config['control'], tokens: AdminTokens): Problem | undefined {
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
  return undefined;
}

/** Without port and brackets, in lower case. */
function hostName(authority: string | undefined): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(authority?.toLowerCase() ?? '');
  return match?.[1] ?? match?.[2];
}

function problem(status: number, title: string, detail: string, remedy: string): Problem {
  return { type: 'about:blank', title, status, detail, remedy };
}
