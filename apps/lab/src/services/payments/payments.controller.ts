import { Controller, Get, Headers, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { LabPath, ReachedHop } from '../../hop.ts';
import { pathOf } from '../lab-path.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';

@Controller()
export class PaymentsController {
  readonly #settings: ServiceSettings;

  constructor(@Inject(SETTINGS) settings: ServiceSettings) {
    this.#settings = settings;
  }

  @Get('payments')
  pay(@Headers('x-lab-path') header?: string): ReachedHop {
    return this.#hop(pathOf(header));
  }

  @MessagePattern('quote')
  quote(): ReachedHop {
    return { ...this.#hop('sdk'), transport: 'tcp' };
  }

  #hop(path: LabPath): ReachedHop {
    const { name, host, port, version } = this.#settings;
    return { service: name, instance: `${host}:${port}`, version, path, calls: [] };
  }
}
