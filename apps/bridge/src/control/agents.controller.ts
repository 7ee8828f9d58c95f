import { Body, Controller, Get, Headers, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBearerAuth,
  ApiBody,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiQuery,
  ApiTags,
  ApiServiceUnavailableResponse,
  ApiTooManyRequestsResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { AgentView, ItemList, LiftView, PolicyView } from '@isthmus/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Agents } from '../agents/agents.ts';
import { FORWARDED_HEADER } from '../agents/forward-reports.ts';
import { liftedPolicies, policyViews } from '../agents/lifted-policies.ts';
import { readReport } from '../agents/read-report.ts';
import { answerOf, listOf } from './api-schema.ts';
import { ProblemException } from './problem.ts';

const SERVICE = /^\w[\w.:@/-]{0,252}$/;
const WORD = /^[\w.:@+-]{1,100}$/;

/** The agents in the processes of services: what they are told, what they say, and who they are. */
@ApiTags('agents')
@Controller('api/v1/agents')
export class AgentsController {
  readonly #agents: Agents;

  constructor(@Inject(Agents) agents: Agents) {
    this.#agents = agents;
  }

  @Get()
  @ApiOperation({ summary: 'Agents that are connected, or were within the last hour: plan, effective rungs, why one is lower' })
  @ApiQuery({ name: 'service', required: false, description: 'Only of this service' })
  @ApiOkResponse(listOf('AgentView'))
  agents(@Query('service') service?: string): ItemList<AgentView> {
    return { items: this.#agents.fleet.views(service) };
  }

  @Get('policies')
  @ApiOperation({
    summary: 'Breakers, retries and timeouts as the processes of services have them, and Sentinel rules that Nacos keeps',
  })
  @ApiQuery({ name: 'service', required: false, description: 'Only of this service' })
  @ApiOkResponse(listOf('PolicyView'))
  policies(@Query('service') service?: string): ItemList<PolicyView> {
    return { items: policyViews(this.#agents, service) };
  }

  @Get('lift')
  @ApiOperation({ summary: 'What those policies become as DestinationRule and VirtualService, and what is lost, by field' })
  @ApiQuery({ name: 'service', required: false, description: 'Only of this service' })
  @ApiQuery({ name: 'host', required: false, description: 'Only for this mesh host' })
  @ApiOkResponse(listOf('LiftView'))
  lift(@Query('service') service?: string, @Query('host') host?: string): ItemList<LiftView> {
    return { items: liftedPolicies(this.#agents, service, host) };
  }

  @Get('stream')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'For agents: the plan of a service and its changes, as server-sent events; resumed by Last-Event-ID' })
  @ApiQuery({ name: 'service', description: 'Whose agent it is; the token has to be of it' })
  @ApiQuery({ name: 'instance', description: 'Of the process' })
  @ApiQuery({ name: 'agent', required: false, description: 'Version of the agent' })
  @ApiQuery({ name: 'node', required: false, description: 'Version of Node' })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'Events hello, plan, target, gone, endpoints, view, ask', schema: { type: 'string' } })
  @ApiBadRequestResponse({ description: 'No service or instance', ...answerOf('Problem') })
  @ApiUnauthorizedResponse({ description: 'No valid token', ...answerOf('Problem') })
  @ApiForbiddenResponse({ description: 'The token is of another service', ...answerOf('Problem') })
  @ApiServiceUnavailableResponse({ description: 'The ledger of several replicas was not read yet', ...answerOf('Problem') })
  @ApiTooManyRequestsResponse({ description: 'Too many streams; Retry-After says when', ...answerOf('Problem') })
  stream(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Query() query: Record<string, unknown>): void {
    const { service, instance, agent = '', node = '' } = query;
    if (typeof service !== 'string' || !SERVICE.test(service) || typeof instance !== 'string' || !WORD.test(instance))
      throw new ProblemException(400, 'Who is it', 'service or instance is missing or no name', 'set ISTHMUS_SERVICE');
    const { authorization } = request.headers;
    this.#authorize(authorization, service);
    const refusal = this.#agents.refusal(service);
    if (refusal !== undefined) {
      void reply.header('retry-after', String(refusal.retryAfterS));
      if (refusal.why === 'not-ready')
        throw new ProblemException(503, 'Not ready', WHY[refusal.why], 'agents keep what they were told last, and come again');
      throw new ProblemException(429, 'Too many streams', WHY[refusal.why], 'raise agents.maxStreams or maxStreamsPerService');
    }
    const lastId = request.headers['last-event-id'];
    reply.hijack();
    this.#agents.openStream(
      {
        ...{ service, instance, authorization },
        agent: shortOf(agent),
        node: shortOf(node),
        address: addressOf(request),
        lastId: typeof lastId === 'string' ? lastId : undefined,
      },
      reply.raw,
    );
  }

  @Post('reports')
  @HttpCode(200)
  @ApiBearerAuth()
  @ApiOperation({ summary: 'For agents: what happened since the last report; at most 1 MiB' })
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse(answerOf('ReportAnswer'))
  @ApiBadRequestResponse({ description: 'No report', ...answerOf('Problem') })
  @ApiUnauthorizedResponse({ description: 'No valid token', ...answerOf('Problem') })
  @ApiForbiddenResponse({ description: 'The token is of another service', ...answerOf('Problem') })
  @ApiTooManyRequestsResponse({ description: 'Too many of one process', ...answerOf('Problem') })
  async report(
    @Req() request: FastifyRequest,
    @Body() body: unknown,
    @Headers(FORWARDED_HEADER) forwardedFor?: string,
  ): Promise<{ readonly ask: readonly { readonly host: string; readonly port: number }[] }> {
    const read = readReport(body);
    if (!read.ok)
      throw new ProblemException(400, 'No report', read.why, 'use an agent and a bridge at most two minor versions apart');
    const { authorization } = request.headers;
    this.#authorize(authorization, read.report.service);
    const forwarded = forwardedFor !== undefined;
    const address = forwarded ? shortOf(forwardedFor) : addressOf(request);
    const ask = await this.#agents.report(read.report, { address, authorization, forwarded });
    if (ask === undefined)
      throw new ProblemException(429, 'Too many reports', 'this process reports more than five times a second', 'send fewer');
    return { ask };
  }

  #authorize(authorization: string | undefined, service: string): void {
    const speaker = this.#agents.speaker(authorization);
    if (speaker !== undefined && this.#agents.mayBe(speaker, service)) return;
    throw new ProblemException(
      403,
      'Not this service',
      `who asks may not speak for ${service}`,
      'give it a token of that service (agents.tokensFile), or name the service in agents.open on loopback',
    );
  }
}

const WHY = {
  'not-ready': 'the ledger that the replicas share was not read yet, so nobody knows where the plans are',
  full: 'this bridge has as many agents as it may',
  'service-full': 'this service has as many agents as it may',
  'too-fast': 'agents of this service come faster than they may',
};

function shortOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 100) : '';
}

/** Without the prefix of an IPv4 address on an IPv6 socket. */
function addressOf({ ip }: FastifyRequest): string {
  return ip.replace(/^::ffff:/, '');
}
