import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from '../health.controller.ts';
import { REGISTRATION } from '../sdk/discovery.ts';
import { NacosSdk } from '../sdk/nacos-sdk.ts';
import { Target } from '../sdk/target.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { CheckoutController } from './checkout.controller.ts';
import { ORDERS } from './tokens.ts';

/** The shop's front end: registered in Nacos, finds `orders` there. */
@Module({})
export class WebModule {
  static with(settings: ServiceSettings): DynamicModule {
    return {
      module: WebModule,
      controllers: [CheckoutController, HealthController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: REGISTRATION, useFactory: () => new NacosSdk(settings) },
        { provide: ORDERS, inject: [REGISTRATION], useFactory: (nacos: NacosSdk) => orders(settings, nacos) },
      ],
    };
  }
}

async function orders({ egress }: ServiceSettings, nacos: NacosSdk): Promise<Target> {
  await nacos.subscribe('orders');
  return new Target({
    service: 'orders',
    path: '/orders',
    discovery: nacos,
    meshHost: 'orders.default-group.public.nacos',
    egress,
  });
}
