import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from '../health.controller.ts';
import { Target } from '../sdk/target.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { ORDERS, ReportController } from './report.controller.ts';

/** In no registry and without any registry's client: it can be found by nobody, and finds others only by way of the mesh. */
@Module({})
export class MonolithModule {
  static with(settings: ServiceSettings): DynamicModule {
    const { egress } = settings;
    return {
      module: MonolithModule,
      controllers: [ReportController, HealthController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        {
          provide: ORDERS,
          useValue: new Target({ service: 'orders', path: '/orders', meshHost: 'orders.default-group.public.nacos', egress }),
        },
      ],
    };
  }
}
