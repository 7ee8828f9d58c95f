import { Controller, Get, Headers, Inject } from '@nestjs/common';
import type { ReachedHop } from '../../hop.ts';
import { pathOf } from '../lab-path.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';

@Controller()
export class StockController {
  readonly #settings: ServiceSettings;

  constructor(@Inject(SETTINGS) settings: ServiceSettings) {
    this.#settings = settings;
  }

  @Get('stock')
  stock(@Headers('x-lab-path') header?: string): ReachedHop {
    const { name, host, port, version } = this.#settings;
    return { service: name, instance: `${host}:${port}`, version, path: pathOf(header), calls: [] };
  }
}
