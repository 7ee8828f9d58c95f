import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from '../health.controller.ts';
import { ConsulSdk } from '../sdk/consul-sdk.ts';
import { REGISTRATION } from '../sdk/discovery.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { StockController } from './stock.controller.ts';

/** Registered in Consul, calls nobody. */
@Module({})
export class InventoryModule {
  static with(settings: ServiceSettings): DynamicModule {
    return {
      module: InventoryModule,
      controllers: [StockController, HealthController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: REGISTRATION, useFactory: () => new ConsulSdk(settings) },
      ],
    };
  }
}
