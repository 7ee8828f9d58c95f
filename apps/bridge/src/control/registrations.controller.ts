import { Body, Controller, HttpCode, Inject, Post, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBearerAuth,
  ApiBody,
  ApiConflictResponse,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiTemporaryRedirectResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Engine } from '../engine/engine.ts';
import { NotLeader } from '../engine/replicas.ts';
import { readRegistrations } from '../istio/registration/registration-report.ts';
import { REGISTRATIONS_PATH } from '../istio/registration/shared-registrations.ts';
import { answerOf } from './api-schema.ts';
import { ProblemException } from './problem.ts';
import { elsewhere } from './replica.ts';

/** Between replicas. */
@ApiTags('proxies')
@Controller('api/v1/replica')
export class RegistrationsController {
  readonly #engine: Engine;

  constructor(@Inject(Engine) engine: Engine) {
    this.#engine = engine;
  }

  @Post('registrations')
  @HttpCode(200)
  @ApiBearerAuth()
  @ApiOperation({ summary: 'For replicas: which workloads of WorkloadGroups are connected to them; at most 1 MiB' })
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse({
    description: 'Taken; or it has to say all anew, as what it said before is not known',
    schema: { type: 'object', properties: { known: { type: 'boolean' } }, required: ['known'] },
  })
  @ApiBadRequestResponse({ description: 'No report', ...answerOf('Problem') })
  @ApiUnauthorizedResponse({ description: 'No valid token', ...answerOf('Problem') })
  @ApiTemporaryRedirectResponse({ description: 'Another replica leads: ask it', ...answerOf('Problem') })
  @ApiConflictResponse({
    description: 'Another replica leads, and does not say where it is; or there are no replicas',
    ...answerOf('Problem'),
  })
  @ApiServiceUnavailableResponse({ description: 'No replica leads now', ...answerOf('Problem') })
  take(@Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply): object {
    const report = readRegistrations(body);
    if (report === undefined)
      throw new ProblemException(
        400,
        'No report',
        'it is no report of registrations',
        'run one version of the bridge on all replicas',
      );
    const { istio, replicas } = this.#engine;
    if (replicas === undefined)
      throw new ProblemException(
        409,
        'No replicas',
        'this bridge shares its ledger with nobody',
        'give all replicas one shared ledger (docs/replicas.md), or ask the bridge that the others share theirs with',
      );
    const known = istio.shared?.receive(report);
    if (known !== undefined) return { known };
    const { problem, location } = elsewhere(new NotLeader(replicas.ledger.status.leader), REGISTRATIONS_PATH);
    if (location !== undefined) void reply.header('location', location);
    void reply.code(problem.status).type('application/problem+json');
    return problem;
  }
}
