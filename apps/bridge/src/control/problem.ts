import { Catch, HttpException } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { Problem } from '@isthmus/contract';
import { messageOf } from '@isthmus/model';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';

/** An answer that is no success, as RFC 9457 has it, with what to do about it. */
export class ProblemException extends HttpException {
  constructor(status: number, title: string, detail: string, remedy: string) {
    super({ type: 'about:blank', title, status, detail, remedy } satisfies Problem, status);
  }
}

/** Whatever a request fails with is answered as a problem: also what Nest and Fastify refuse before a handler sees it. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log: Pick<Logger, 'error'>;

  constructor(log: Pick<Logger, 'error'>) {
    this.#log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const problem = problemOf(error);
    if (problem.status >= 500) this.#log.error({ err: error }, 'a request of the control API failed');
    if (!reply.sent) void reply.code(problem.status).type('application/problem+json').send(problem);
  }
}

/** It may quote what came. */
const MOST_DETAIL = 300;

const TITLES: Readonly<Record<number, readonly [title: string, remedy: string]>> = {
  404: ['Not found', 'look into /api/docs for the paths of this version'],
  413: ['Too large', 'send less at once'],
  415: ['Another content type', 'send application/json; plans may also be application/yaml'],
};

/** Never what a fault of ours says: that is for the log. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemException) return error.getResponse() as Problem;
  const status = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown }).statusCode;
  if (typeof status !== 'number' || status < 400 || status >= 500) {
    const detail = 'the bridge failed to answer this request; its log says why';
    return { type: 'about:blank', title: 'A fault of the bridge', status: 500, detail, remedy: 'report it with the log' };
  }
  const [title, remedy] = TITLES[status] ?? ['Not understood', 'look into /api/docs for what is expected'];
  return { type: 'about:blank', title, status, detail: messageOf(error).slice(0, MOST_DETAIL), remedy };
}
