import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { ItemList, ShadowView } from '@isthmus/contract';
import { Agents } from '../agents/agents.ts';
import { shadowViews } from '../agents/shadow-views.ts';
import { Engine } from '../engine/engine.ts';
import { listOf } from './api-schema.ts';

/** What SDKs see against what the mesh sees. */
@ApiTags('agents')
@Controller('api/v1/shadow')
export class ShadowController {
  readonly #engine: Engine;
  readonly #agents: Agents;

  constructor(@Inject(Engine) engine: Engine, @Inject(Agents) agents: Agents) {
    this.#engine = engine;
    this.#agents = agents;
  }

  @Get()
  @ApiOperation({
    summary:
      "What the callers' SDKs see of the targets of plans against what the mesh sees, and why they differ; the leader knows all agents",
  })
  @ApiQuery({ name: 'host', required: false, description: 'Part of a host' })
  @ApiOkResponse(listOf('ShadowView'))
  shadow(@Query('host') host?: string): ItemList<ShadowView> {
    return { items: shadowViews(this.#engine, this.#agents.fleet.shadow, this.#engine.plans.book, host) };
  }
}
