import { Controller, Get, Headers, Inject } from '@nestjs/common';
import type { ReachedHop } from '../../hop.ts';
import { pathOf } from '../lab-path.ts';
import type { Target } from '../sdk/target.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';

/** Injection token of the target `orders`. */
export const ORDERS = Symbol('lab.monolith.orders');

@Controller()
export class ReportController {
  readonly #settings: ServiceSettings;
  readonly #orders: Target;

  constructor(@Inject(SETTINGS) settings: ServiceSettings, @Inject(ORDERS) orders: Target) {
    this.#settings = settings;
    this.#orders = orders;
  }

  /** Needs an order, which only the mesh can find for it. */
  @Get('report')
  async report(@Headers('x-lab-path') header?: string): Promise<ReachedHop> {
    const { name, host, port, version } = this.#settings;
    return {
      service: name,
      instance: `${host}:${port}`,
      version,
      path: pathOf(header),
      calls: [await this.#orders.call('mesh')],
    };
  }
}
