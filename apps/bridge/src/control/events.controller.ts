import { Controller, Inject, Res, Sse } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags, ApiTooManyRequestsResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { answerOf } from './api-schema.ts';
import { LiveEvents } from './live-events.ts';
import { ProblemException } from './problem.ts';

const RETRY_AFTER_S = 5;

/** Who wants to know when to look again. */
@ApiTags('catalog')
@Controller('api/v1')
export class EventsController {
  readonly #live: LiveEvents;

  constructor(@Inject(LiveEvents) live: LiveEvents) {
    this.#live = live;
  }

  @Sse('events')
  @ApiOperation({ summary: 'Live events: a summary whenever something changed, at most four a second' })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'Server-sent events of type `summary`', schema: { type: 'string' } })
  @ApiTooManyRequestsResponse({ description: 'Too many streams; Retry-After says when', ...answerOf('Problem') })
  events(@Res({ passthrough: true }) reply: FastifyReply): Observable<MessageEvent> {
    const stream = this.#live.stream(reply.raw);
    if (stream !== undefined) return stream;
    void reply.header('retry-after', String(RETRY_AFTER_S));
    throw new ProblemException(
      429,
      'Too many streams',
      `${this.#live.most} streams of live events are open, and no more may be`,
      'close consoles and scripts that follow /api/v1/events, or ask /api/v1/sources from time to time instead',
    );
  }
}
