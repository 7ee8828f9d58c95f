import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from '../health.controller.ts';
import { REGISTRATION } from '../sdk/discovery.ts';
import { NacosSdk } from '../sdk/nacos-sdk.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { ReviewsController } from './reviews.controller.ts';

/** The one that a newer Nacos brings (`--with nacos3`); calls nobody. */
@Module({})
export class ReviewsModule {
  static with(settings: ServiceSettings): DynamicModule {
    return {
      module: ReviewsModule,
      controllers: [ReviewsController, HealthController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: REGISTRATION, useFactory: () => new NacosSdk(settings) },
      ],
    };
  }
}
