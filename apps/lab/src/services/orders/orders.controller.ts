import { Controller, Get, Headers, Inject } from '@nestjs/common';
import type { ReachedHop } from '../../hop.ts';
import { pathOf } from '../lab-path.ts';
import type { Target } from '../sdk/target.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { QuoteClient } from './quote-client.ts';
import { INVENTORY, PAYMENTS } from './tokens.ts';

@Controller()
export class OrdersController {
  readonly #settings: ServiceSettings;
  readonly #inventory: Target;
  readonly #payments: Target;
  readonly #quotes: QuoteClient;

  constructor(
    @Inject(SETTINGS) settings: ServiceSettings,
    @Inject(INVENTORY) inventory: Target,
    @Inject(PAYMENTS) payments: Target,
    @Inject(QuoteClient) quotes: QuoteClient,
  ) {
    this.#settings = settings;
    this.#inventory = inventory;
    this.#payments = payments;
    this.#quotes = quotes;
  }

  @Get('orders')
  async order(@Headers('x-lab-path') header?: string): Promise<ReachedHop> {
    const { name, host, port, version } = this.#settings;
    const path = pathOf(header);
    const calls = [this.#inventory.call(path), this.#payments.call(path)];
    // One socket held open to one instance, addressed by that: a mesh could balance connections there, not calls.
    if (path === 'sdk') calls.push(this.#quotes.call());
    return { service: name, instance: `${host}:${port}`, version, path, calls: await Promise.all(calls) };
  }
}
