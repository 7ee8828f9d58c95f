import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { ItemList, OutputPlanList, OutputView } from '@isthmus/contract';
import { IsthmusError, messageOf } from '@isthmus/model';
import type { OutputPlan, PlannedWrite } from '@isthmus/model';
import { Engine } from '../engine/engine.ts';
import { answerOf, listOf } from './api-schema.ts';
import { ProblemException } from './problem.ts';

/** Longest that reading what is there may take; ms. */
const PLAN_WITHIN_MS = 25_000;

/** Writes of each list that are told with their texts; of the others the name. */
const MOST_TEXTS = 500;

/** Files and Kubernetes: how far they are, and what they would write. */
@ApiTags('outputs')
@Controller('api/v1/outputs')
export class OutputsController {
  readonly #engine: Engine;

  constructor(@Inject(Engine) engine: Engine) {
    this.#engine = engine;
  }

  @Get()
  @ApiOperation({ summary: 'The outputs that keep objects: files and Kubernetes' })
  @ApiOkResponse(listOf('OutputView'))
  outputs(): ItemList<OutputView> {
    return {
      items: this.#engine.objects.all.map((output) => ({
        output: output.name,
        pending: output.pending,
        problems: output.diagnostics().length,
      })),
    };
  }

  @Get('plan')
  @ApiOperation({ summary: 'What each of them would write, compared with what is there; writes nothing' })
  @ApiOkResponse(listOf('OutputPlan'))
  @ApiServiceUnavailableResponse({ description: 'What is there cannot be read', ...answerOf('Problem') })
  @Header('cache-control', 'no-store')
  async plan(): Promise<OutputPlanList> {
    try {
      const hosts = [...this.#engine.catalog.hosts()];
      const plans = await this.#engine.objects.plans(hosts, AbortSignal.timeout(PLAN_WITHIN_MS));
      return { items: plans.map(shortened) };
    } catch (error) {
      const remedy = IsthmusError.is(error) ? error.remedy : undefined;
      throw new ProblemException(
        503,
        'No plan',
        `what is there cannot be read: ${messageOf(error)}`,
        remedy ?? 'isthmus get diagnostics',
      );
    }
  }
}

function shortened(plan: OutputPlan): OutputPlan {
  const short = (writes: readonly PlannedWrite[]) => writes.map((write, n) => (n < MOST_TEXTS ? write : { name: write.name }));
  return { ...plan, creates: short(plan.creates), updates: short(plan.updates), deletes: short(plan.deletes) };
}
