import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Nest's own messages as our JSON lines; its start-up chatter only at debug. */
export class NestLog implements LoggerService {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  log(message: unknown): void {
    this.#log.debug(String(message));
  }

  error(message: unknown, ...more: unknown[]): void {
    this.#log.error({ more }, String(message));
  }

  warn(message: unknown): void {
    this.#log.warn(String(message));
  }
}
