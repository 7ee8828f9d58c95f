import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { CorrectionView, DiffView, ItemList } from '@isthmus/contract';
import { Engine } from '../engine/engine.ts';
import { listOf } from './api-schema.ts';
import { diffViews } from './liveness-views.ts';

/** Who lives: registries against Kubernetes, and what registries were told. */
@ApiTags('liveness')
@Controller('api/v1')
export class LivenessController {
  readonly #engine: Engine;

  constructor(@Inject(Engine) engine: Engine) {
    this.#engine = engine;
  }

  @Get('corrections')
  @ApiOperation({ summary: 'Dead endpoints that are, or are to be, out of service at their registry' })
  @ApiOkResponse(listOf('CorrectionView'))
  corrections(): ItemList<CorrectionView> {
    return { items: [...this.#engine.liveness.corrections.views()] };
  }

  @Get('diff')
  @ApiOperation({ summary: 'What registries and Kubernetes say differently of the services that merge.kubernetes pairs' })
  @ApiQuery({ name: 'host', required: false, description: 'Part of a host' })
  @ApiOkResponse(listOf('DiffView'))
  diff(@Query('host') host?: string): ItemList<DiffView> {
    return { items: diffViews(this.#engine, host) };
  }
}
