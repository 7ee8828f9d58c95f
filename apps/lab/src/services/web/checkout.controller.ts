import { BadRequestException, Controller, Get, Inject, Query } from '@nestjs/common';
import { labPaths, type CheckoutAnswer, type LabPath } from '../../hop.ts';
import type { Target } from '../sdk/target.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { ORDERS } from './tokens.ts';

@Controller()
export class CheckoutController {
  readonly #settings: ServiceSettings;
  readonly #orders: Target;

  constructor(@Inject(SETTINGS) settings: ServiceSettings, @Inject(ORDERS) orders: Target) {
    this.#settings = settings;
    this.#orders = orders;
  }

  /** One purchase, by both ways at once unless `path` names one. What cannot be reached is named in the answer, and the rest works. */
  @Get('checkout')
  async checkout(@Query('path') path: string = 'both'): Promise<CheckoutAnswer> {
    const { host, port, version } = this.#settings;
    const hops = await Promise.all(waysOf(path).map(async (way) => [way, await this.#orders.call(way)] as const));
    return { service: 'web', instance: `${host}:${port}`, version, ...Object.fromEntries(hops) };
  }
}

function waysOf(path: string): readonly LabPath[] {
  if (path === 'both') return labPaths;
  const one = labPaths.find((known) => known === path);
  if (one === undefined) throw new BadRequestException(`path is ${labPaths.join(', ')} or both, not ${path}`);
  return [one];
}
