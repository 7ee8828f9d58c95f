import { Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBearerAuth,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiQuery,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiTemporaryRedirectResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type {
  ConflictView,
  DiagnosticList,
  EndpointView,
  ExplainAnswer,
  HeldView,
  ItemList,
  ReleaseAnswer,
  ReplicaView,
  ServiceDetail,
  ServiceView,
  SourceView,
} from '@isthmus/contract';
import { parseMeshHost } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { callersYaml } from '../mesh/callers.ts';
import { istioYaml } from '@isthmus/translate';
import type { FastifyReply } from 'fastify';
import { stringify } from 'yaml';
import { Agents } from '../agents/agents.ts';
import { Engine } from '../engine/engine.ts';
import { callersOptions } from '../engine/publish-callers.ts';
import { NotLeader } from '../engine/replicas.ts';
import { answerOf, listOf } from './api-schema.ts';
import { catalogDiagnostics, listDiagnostics } from './diagnostics.ts';
import { explain } from './explain.ts';
import { heldLivenessViews, livenessDiagnostics } from './liveness-views.ts';
import { ProblemException } from './problem.ts';
import { publicationDiff } from './publications.ts';
import { elsewhere, replicaView } from './replica.ts';
import {
  conflictViews,
  endpointViews,
  heldViews,
  kindOf,
  mergedServices,
  serviceDetail,
  serviceView,
  sourceView,
} from './views.ts';

const HOST_QUERY = { name: 'host', required: false, description: 'Part of a host' };

/** What the bridge knows, for the CLI, the console and scripts. Reading costs the bridge only while it is asked. */
@ApiTags('catalog')
@Controller('api/v1')
export class ControlController {
  readonly #engine: Engine;
  readonly #agents: Agents;

  constructor(@Inject(Engine) engine: Engine, @Inject(Agents) agents: Agents) {
    this.#engine = engine;
    this.#agents = agents;
  }

  @Get('sources')
  @ApiOperation({ summary: 'Every scope of every registry: state, age, size' })
  @ApiOkResponse(listOf('SourceView'))
  sources(): ItemList<SourceView> {
    const { catalog, config } = this.#engine;
    const views = [...catalog.scopes()].map((s) => sourceView(s, kindOf(config.registries, s.scope.source), catalog.now()));
    const seen = new Set(views.map((view) => view.source));
    const silent = config.registries.filter((r) => !seen.has(r.id));
    const none = silent.map((r): SourceView => ({
      source: r.id,
      kind: r.kind.kind,
      namespace: '',
      group: '',
      state: 'syncing',
      services: 0,
      endpoints: 0,
      held: 0,
      diagnostics: 0,
    }));
    return {
      items: [...views, ...none].sort((a, b) =>
        `${a.source}/${a.namespace}/${a.group}` < `${b.source}/${b.namespace}/${b.group}` ? -1 : 1,
      ),
    };
  }

  @Get('services')
  @ApiOperation({ summary: 'Every mesh host, or those whose name contains `host`' })
  @ApiQuery(HOST_QUERY)
  @ApiOkResponse(listOf('ServiceView'))
  services(@Query('host') host?: string): ItemList<ServiceView> {
    const { catalog } = this.#engine;
    return { items: this.#services(host).map((service) => serviceView(catalog, service)) };
  }

  @Get('services/:host')
  @ApiOperation({ summary: 'One mesh host with its endpoints and diagnostics' })
  @ApiParam({ name: 'host', description: 'The whole host' })
  @ApiOkResponse(answerOf('ServiceDetail'))
  @ApiNotFoundResponse({ description: 'No registry has it', ...answerOf('Problem') })
  service(@Param('host') name: string): ServiceDetail {
    const host = parseMeshHost(name);
    const merged = host === undefined ? undefined : this.#engine.catalog.merged(host);
    if (merged === undefined)
      throw new ProblemException(
        404,
        'No such host',
        `no registry has a service with the host ${name}`,
        `isthmus explain ${name}`,
      );
    return serviceDetail(this.#engine.catalog, merged);
  }

  @Get('endpoints')
  @ApiOperation({ summary: 'Every endpoint, or those of hosts whose name contains `host`' })
  @ApiQuery(HOST_QUERY)
  @ApiOkResponse(listOf('EndpointView'))
  endpoints(@Query('host') host?: string): ItemList<EndpointView> {
    return { items: this.#services(host).flatMap((service) => endpointViews(service, this.#engine.catalog)) };
  }

  @Get('conflicts')
  @ApiOperation({ summary: 'Hosts that several services claim without a rule' })
  @ApiOkResponse(listOf('ConflictView'))
  conflicts(): ItemList<ConflictView> {
    return { items: conflictViews(this.#engine.catalog) };
  }

  @Get('held')
  @ApiOperation({ summary: 'Mass removals that wait for their confirmation' })
  @ApiOkResponse(listOf('HeldView'))
  held(): ItemList<HeldView> {
    return { items: [...heldViews(this.#engine.catalog), ...heldLivenessViews(this.#engine)] };
  }

  @Post('held/:scope/release')
  @HttpCode(200)
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Let a held removal through (scope ids are URL-encoded)' })
  @ApiParam({ name: 'scope', description: 'Scope id, as `held` gives it' })
  @ApiOkResponse(answerOf('ReleaseAnswer'))
  @ApiUnauthorizedResponse({ description: 'No valid token', ...answerOf('Problem') })
  @ApiNotFoundResponse({ description: 'Nothing is held there', ...answerOf('Problem') })
  @ApiTemporaryRedirectResponse({ description: 'Another replica leads: ask it', ...answerOf('Problem') })
  @ApiConflictResponse({ description: 'Another replica leads, and does not say where it is', ...answerOf('Problem') })
  @ApiServiceUnavailableResponse({ description: 'No replica leads now', ...answerOf('Problem') })
  async release(@Param('scope') scope: string, @Res() reply: FastifyReply): Promise<void> {
    let released: number | undefined;
    try {
      released = await this.#engine.release(scope);
    } catch (error) {
      if (!(error instanceof NotLeader)) throw error;
      const { problem, location } = elsewhere(error, `/api/v1/held/${encodeURIComponent(scope)}/release`);
      if (location !== undefined) void reply.header('location', location);
      return void (await reply.code(problem.status).type('application/problem+json').send(problem));
    }
    if (released === undefined)
      throw new ProblemException(404, 'Nothing held', `nothing is held in ${scope}`, 'isthmus get held');
    await reply.code(200).send({ released } satisfies ReleaseAnswer);
  }

  @Get('replica')
  @ApiOperation({ summary: 'Whether this bridge leads or follows, and how far it is' })
  @ApiOkResponse(answerOf('ReplicaView'))
  replica(): ReplicaView {
    return replicaView(this.#engine);
  }

  @Get('diagnostics')
  @ApiOperation({ summary: 'Everything that is wrong, and how to mend it; the first 1,000, and how many of each code there are' })
  @ApiQuery({ name: 'of', required: false, description: 'Only of this code, or whose place contains it' })
  @ApiOkResponse(answerOf('DiagnosticList'))
  diagnostics(@Query('of') of?: string): DiagnosticList {
    return listDiagnostics(this.#diagnostics(), of);
  }

  @Get('explain')
  @ApiOperation({
    summary:
      'Where a host or address comes from, what became of it, what was left out and why, and how far plans have moved its callers',
  })
  @ApiQuery({ name: 'q', description: 'HOST, service name, or IP[:PORT]' })
  @ApiOkResponse(answerOf('ExplainAnswer'))
  @ApiBadRequestResponse({ description: 'q is missing or longer than 300 characters', ...answerOf('Problem') })
  explain(@Query('q') query?: string): ExplainAnswer {
    if (query === undefined || query.trim() === '' || query.length > 300) {
      throw new ProblemException(400, 'No query', 'the parameter q is missing or too long', 'ask for q=HOST, q=IP or q=IP:PORT');
    }
    return explain(this.#engine, query);
  }

  @Get('export')
  @ApiOperation({ summary: 'What is published, as Istio YAML or JSON' })
  @ApiQuery({
    name: 'format',
    enum: ['istio', 'json', 'publications'],
    required: false,
    description:
      'istio (default): ServiceEntries, and what plans leave to callers; publications: what would be written into registries',
  })
  @ApiProduces('application/yaml', 'application/json')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiBadRequestResponse({ description: 'Another format', ...answerOf('Problem') })
  @Header('cache-control', 'no-store')
  async export(@Res() reply: FastifyReply, @Query('format') format = 'istio'): Promise<void> {
    const services = mergedServices(this.#engine.catalog);
    if (format === 'json') await reply.type('application/json').send(JSON.stringify({ items: services }));
    else if (format === 'publications') {
      const diff = await publicationDiff(this.#engine.sinks, AbortSignal.timeout(25_000));
      await reply.type('application/yaml').send(stringify(diff));
    } else if (format === 'istio')
      await reply
        .type('application/yaml')
        .send(`${istioYaml(services)}${callersYaml(this.#engine.mesh.publisher, callersOptions(this.#engine.config, true))}`);
    else throw new ProblemException(400, 'Unknown format', `"${format}" is no format`, 'use format=istio, json or publications');
  }

  #services(host: string | undefined) {
    const part = host?.toLowerCase() ?? '';
    return mergedServices(this.#engine.catalog).filter((service) => service.host.includes(part));
  }

  *#diagnostics(): Generator<Diagnostic> {
    yield* this.#engine.diagnostics;
    yield* this.#agents.diagnostics;
    yield* catalogDiagnostics(this.#engine.catalog, this.#engine.config.ledger.maxAgeMs);
    yield* livenessDiagnostics(this.#engine);
    yield* this.#engine.publishers.mcp.diagnostics();
    yield* this.#engine.objects.diagnostics();
  }
}
