import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { PublicationDiff, PublicationList } from '@isthmus/contract';
import { Engine } from '../engine/engine.ts';
import { answerOf } from './api-schema.ts';
import { publicationDiff, publicationViews, sinkViews } from './publications.ts';

/** Longest that a diff may take; registries are asked once per name. */
const DIFF_MS = 25_000;

/** The way back: what is published into registries, and what would be. */
@ApiTags('publications')
@Controller('api/v1/publications')
export class PublicationsController {
  readonly #engine: Engine;

  constructor(@Inject(Engine) engine: Engine) {
    this.#engine = engine;
  }

  @Get()
  @ApiOperation({ summary: 'Every name published into a registry: state, entries, what is left alone' })
  @ApiOkResponse(answerOf('PublicationList'))
  publications(): PublicationList {
    const { sinks } = this.#engine;
    return { items: publicationViews(sinks), sinks: sinkViews(sinks) };
  }

  @Get('diff')
  @ApiOperation({ summary: 'What would be written into the registries now, compared with what is there; writes nothing' })
  @ApiOkResponse(answerOf('PublicationDiff'))
  async publicationDiff(): Promise<PublicationDiff> {
    return publicationDiff(this.#engine.sinks, AbortSignal.timeout(DIFF_MS));
  }
}
