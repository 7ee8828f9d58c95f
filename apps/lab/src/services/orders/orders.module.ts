import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from '../health.controller.ts';
import { ConsulSdk } from '../sdk/consul-sdk.ts';
import { REGISTRATION } from '../sdk/discovery.ts';
import { EurekaSdk } from '../sdk/eureka-sdk.ts';
import { NacosSdk } from '../sdk/nacos-sdk.ts';
import { Target } from '../sdk/target.ts';
import { SETTINGS, type ServiceSettings } from '../settings.ts';
import { OrdersController } from './orders.controller.ts';
import { QuoteClient } from './quote-client.ts';
import { INVENTORY, PAYMENTS } from './tokens.ts';

/** Registered in Nacos; finds `inventory` in Consul and `payments` in Eureka, as it happens in a company that has merged twice. */
@Module({})
export class OrdersModule {
  static with(settings: ServiceSettings): DynamicModule {
    const { egress } = settings;
    return {
      module: OrdersModule,
      controllers: [OrdersController, HealthController],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: REGISTRATION, useFactory: () => new NacosSdk(settings) },
        { provide: ConsulSdk, useFactory: () => inventoryWatch(settings) },
        { provide: EurekaSdk, useFactory: () => paymentsFetch(settings) },
        {
          provide: INVENTORY,
          inject: [ConsulSdk],
          useFactory: (discovery: ConsulSdk) =>
            new Target({ service: 'inventory', path: '/stock', discovery, meshHost: 'inventory.dc1.consul', egress }),
        },
        {
          provide: PAYMENTS,
          inject: [EurekaSdk],
          useFactory: (discovery: EurekaSdk) =>
            new Target({ service: 'payments', path: '/payments', discovery, meshHost: 'payments.eureka', egress }),
        },
        { provide: QuoteClient, inject: [EurekaSdk], useFactory: (discovery: EurekaSdk) => new QuoteClient(discovery) },
      ],
    };
  }
}

function inventoryWatch(settings: ServiceSettings): ConsulSdk {
  const consul = new ConsulSdk(settings);
  consul.subscribe('inventory');
  return consul;
}

function paymentsFetch(settings: ServiceSettings): EurekaSdk {
  const eureka = EurekaSdk.consumer(settings);
  eureka.subscribe();
  return eureka;
}
