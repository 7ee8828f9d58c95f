import { HttpException } from '@nestjs/common';
import type { Problem } from '@isthmus/contract';

/** An answer that is no success, as RFC 9457 has it, with what to do about it. */
export class ProblemException extends HttpException {
  constructor(status: number, title: string, detail: string, remedy: string) {
    super({ type: 'about:blank', title, status, detail, remedy } satisfies Problem, status);
  }
}
