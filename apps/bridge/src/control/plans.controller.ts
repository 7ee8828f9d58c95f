import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Res, applyDecorators } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConflictResponse,
  ApiConsumes,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiTemporaryRedirectResponse,
  ApiUnauthorizedResponse,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { formatProblems } from '@isthmus/config';
import type { ItemList, PlanAuditView, PlanChangeView, PlanDetail, PlanView } from '@isthmus/contract';
import { SharedLedger } from '@isthmus/ledger';
import { COMMANDS, readMigrations } from '@isthmus/plans';
import type { PlanCommand } from '@isthmus/plans';
import type { FastifyReply } from 'fastify';
import { Engine } from '../engine/engine.ts';
import { NotLeader } from '../engine/replicas.ts';
import { remove, specify, steer } from '../plans/plan-changes.ts';
import type { Change, Refused } from '../plans/plan-changes.ts';
import type { PlanEntry } from '../plans/plan-entry.ts';
import { planAudit, planDetail, planView } from '../plans/plan-views.ts';
import type { Plans } from '../plans/plans.ts';
import { answerOf, listOf } from './api-schema.ts';
import { ProblemException } from './problem.ts';
import { elsewhere } from './replica.ts';

const DRY_RUN = {
  name: 'dryRun',
  required: false,
  enum: ['true', 'false'],
  description: 'true: say what would happen, and write nothing',
};

const ApiWrite = () =>
  applyDecorators(
    ApiBearerAuth(),
    ApiQuery(DRY_RUN),
    ApiOkResponse(listOf('PlanChangeView')),
    ApiUnauthorizedResponse({ description: 'No valid token', ...answerOf('Problem') }),
    ApiTemporaryRedirectResponse({ description: 'Another replica leads: ask it', ...answerOf('Problem') }),
    ApiConflictResponse({ description: 'It cannot be done now, and why; or another replica leads', ...answerOf('Problem') }),
    ApiServiceUnavailableResponse({ description: 'No replica leads now', ...answerOf('Problem') }),
  );
const ApiName = () =>
  applyDecorators(
    ApiParam({ name: 'name', description: 'Name of the plan' }),
    ApiNotFoundResponse({ description: 'There is no plan of that name', ...answerOf('Problem') }),
  );

/** Migration plans: where they are, and steering them. */
@ApiTags('plans')
@Controller('api/v1/plans')
export class PlansController {
  readonly #engine: Engine;

  constructor(@Inject(Engine) engine: Engine) {
    this.#engine = engine;
  }

  @Get()
  @ApiOperation({ summary: 'Every migration plan and where it is' })
  @ApiOkResponse(listOf('PlanView'))
  plans(): ItemList<PlanView> {
    return { items: this.#plans.all().map((entry) => planView(this.#plans, entry)) };
  }

  @Get(':name')
  @ApiName()
  @ApiOperation({ summary: 'One plan, and what its step waits for' })
  @ApiOkResponse(answerOf('PlanDetail'))
  plan(@Param('name') name: string): PlanDetail {
    return planDetail(this.#plans, this.#entry(name));
  }

  @Get(':name/audit')
  @ApiName()
  @ApiOperation({ summary: 'What happened to it, the newest first, the last fifty' })
  @ApiOkResponse(listOf('PlanAuditView'))
  planAudit(@Param('name') name: string): ItemList<PlanAuditView> {
    return { items: planAudit(this.#entry(name)) };
  }

  @Post()
  @HttpCode(200)
  @ApiWrite()
  @ApiOperation({ summary: 'Create plans or change their specs: all of the documents, or none' })
  @ApiConsumes('application/yaml', 'application/json')
  @ApiBody({
    description: 'One or several Migration documents, as plans.md has them',
    schema: { type: 'object', additionalProperties: true },
  })
  @ApiQuery({ name: 'file', required: false, description: 'What the text is called in messages' })
  @ApiUnprocessableEntityResponse({ description: 'Everything that is wrong with the documents', ...answerOf('Problem') })
  async applyPlans(
    @Body() body: unknown,
    @Res() reply: FastifyReply,
    @Query('dryRun') dryRun?: string,
    @Query('file') file = 'the request',
  ): Promise<void> {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
    const { plans, problems } = readMigrations(file.slice(0, 200), Buffer.from(text));
    if (problems.length > 0)
      throw new ProblemException(422, 'Not valid', formatProblems(problems), 'nothing was applied; correct them and apply again');
    if (plans.length === 0)
      throw new ProblemException(422, 'No plan', 'there is no document in it', 'send a document of kind Migration');
    const batch = plans.map(({ migration }) => migration);
    await this.#write(
      reply,
      dryRun,
      () => plans.map((plan) => specify(this.#plans, plan, 'api', batch)),
      `?file=${encodeURIComponent(file)}`,
    );
  }

  @Post(':name/:command')
  @HttpCode(200)
  @ApiName()
  @ApiWrite()
  @ApiParam({ name: 'command', enum: COMMANDS })
  @ApiOperation({ summary: 'Pause, resume, promote (take the next step, its gate not waited for) or roll back to sdk' })
  async steerPlan(
    @Param('name') name: string,
    @Param('command') asked: string,
    @Res() reply: FastifyReply,
    @Query('dryRun') dryRun?: string,
  ): Promise<void> {
    if (!isCommand(asked))
      throw new ProblemException(
        404,
        'No such command',
        `"${asked.slice(0, 60)}" is no command`,
        `use one of ${COMMANDS.join(', ')}`,
      );
    const entry = this.#entry(name);
    if (asked === 'promote') await this.#plans.askSubscribers(entry);
    await this.#write(
      reply,
      dryRun,
      () => [steer(this.#plans, this.#entry(name), asked)],
      `/${encodeURIComponent(name)}/${asked}`,
    );
  }

  @Delete(':name')
  @ApiName()
  @ApiWrite()
  @ApiOperation({ summary: 'Delete a plan: its agents go to sdk, from retired as soon as the target is registered again' })
  async deletePlan(@Param('name') name: string, @Res() reply: FastifyReply, @Query('dryRun') dryRun?: string): Promise<void> {
    const entry = this.#entry(name);
    await this.#write(reply, dryRun, () => [remove(this.#plans, entry, 'api')], `/${encodeURIComponent(name)}`);
  }

  get #plans(): Plans {
    return this.#engine.plans.plans;
  }

  #entry(name: string): PlanEntry {
    const entry = this.#plans.get(name);
    if (entry !== undefined) return entry;
    throw new ProblemException(404, 'No such plan', `there is no plan named ${name.slice(0, 100)}`, 'isthmus get plans');
  }

  /** All of it, or nothing; answers when the ledger has it. */
  async #write(
    reply: FastifyReply,
    dryRun: string | undefined,
    decide: () => readonly (Change | Refused)[],
    path: string,
  ): Promise<void> {
    const { store } = this.#plans;
    const leads = store.writer.isWriter();
    if (!leads) return this.#elsewhere(reply, path, dryRun);
    const changes = decide();
    const refused = changes.filter((change) => 'refused' in change);
    if (refused.length > 0)
      throw new ProblemException(
        409,
        'Refused',
        refused.map(({ name, refused: why }) => `plan ${name}: ${why}`).join('\n'),
        [...new Set(refused.map(({ remedy }) => remedy))].join('; '),
      );
    const isDry = dryRun !== undefined && dryRun !== 'false';
    const done = changes.filter((change) => 'view' in change);
    if (!isDry) for (const { write } of done) write?.();
    if (!isDry) {
      const written = await Promise.all(done.map(({ view }) => store.settled(view.name)));
      if (written.includes(false)) return this.#elsewhere(reply, path, dryRun);
    }
    const items = done.map(({ view }): PlanChangeView => ({ ...view, dryRun: isDry }));
    await reply.code(200).send({ items } satisfies ItemList<PlanChangeView>);
  }

  async #elsewhere(reply: FastifyReply, path: string, dryRun: string | undefined): Promise<void> {
    const { ledger } = this.#engine;
    const leader = ledger instanceof SharedLedger ? ledger.status.leader : undefined;
    const dry = dryRun === undefined ? '' : `${path.includes('?') ? '&' : '?'}dryRun=${encodeURIComponent(dryRun)}`;
    const { problem, location } = elsewhere(new NotLeader(leader), `/api/v1/plans${path}${dry}`);
    if (location !== undefined) void reply.header('location', location);
    await reply.code(problem.status).type('application/problem+json').send(problem);
  }
}

function isCommand(text: string): text is PlanCommand {
  return (COMMANDS as readonly string[]).includes(text);
}
