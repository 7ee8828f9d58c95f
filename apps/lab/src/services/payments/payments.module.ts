import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from '../health.controller.ts';
import { REGISTRATION } from '../sdk/discovery.ts';
import { EurekaSdk } from '../sdk/eureka-sdk.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { PaymentsController } from './payments.controller.ts';

/** Registered in Eureka; beside HTTP it answers Nest's TCP transport, at the port in its metadata. */
@Module({})
export class PaymentsModule {
  static with(settings: ServiceSettings, tcpPort: number): DynamicModule {
    return {
      module: PaymentsModule,
      controllers: [PaymentsController, HealthController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: REGISTRATION, useFactory: () => EurekaSdk.provider(settings, { tcpPort: String(tcpPort) }) },
      ],
    };
  }
}
