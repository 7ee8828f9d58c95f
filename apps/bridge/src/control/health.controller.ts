import { Controller, Get, Header, HttpCode, Inject, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Engine } from '../engine/engine.ts';
import { missingSources } from '../engine/readiness.ts';
import { ISTIO_SOURCE } from '../istio/service-entry-source.ts';
import { Metrics } from '../engine/metrics.ts';
import { replicaView } from './replica.ts';
import { PAGE_CSP, STATUS_PAGE } from './status-page.ts';

/** For load balancers, Prometheus and people who just open the port. */
@ApiExcludeController()
@Controller()
export class HealthController {
  readonly #engine: Engine;
  readonly #metrics: Metrics;

  constructor(@Inject(Engine) engine: Engine, @Inject(Metrics) metrics: Metrics) {
    this.#engine = engine;
    this.#metrics = metrics;
  }

  /** The process runs. */
  @Get('healthz')
  @HttpCode(200)
  healthz(): { status: string } {
    return { status: 'ok' };
  }

  /** The outputs speak: 503 names the registries that are waited for; `istio`: its rules. */
  @Get('readyz')
  async readyz(@Res() reply: FastifyReply): Promise<void> {
    const { readiness, catalog, config } = this.#engine;
    const ready = readiness.state !== 'waiting';
    const registries: readonly string[] = missingSources(new Set(config.registries.map((r) => r.id)), catalog.scopes());
    const missing = ready || readiness.knowsRules ? registries : [...registries, ISTIO_SOURCE];
    const { role, epoch, ledgerRevision, withheld } = replicaView(this.#engine);
    const replica = role === 'alone' ? {} : { replica: { role, epoch, ledgerRevision, withheld } };
    await reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'waiting', waitingFor: missing, ...replica });
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    await reply.type('text/plain; version=0.0.4; charset=utf-8').send(await this.#metrics.text());
  }

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', PAGE_CSP)
  page(): string {
    return STATUS_PAGE;
  }
}
