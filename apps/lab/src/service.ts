/** One instance of one of the lab's legacy services: `service orders --port 18101 --version v2 --weight 2`. */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { InventoryModule } from './services/inventory/inventory.module.ts';
import { MonolithModule } from './services/monolith/monolith.module.ts';
import { OrdersModule } from './services/orders/orders.module.ts';
import { PaymentsModule } from './services/payments/payments.module.ts';
import { REGISTRATION, type Registration } from './services/sdk/discovery.ts';
import { ReviewsModule } from './services/reviews/reviews.module.ts';
import { readSettings, UsageError, type ServiceSettings } from './services/settings.ts';
import { WebModule } from './services/web/web.module.ts';

/** The TCP port of a payments instance lies this far above its HTTP port. */
const tcpOffset = 100;

function moduleOf(settings: ServiceSettings): DynamicModule {
  switch (settings.name) {
    case 'web':
      return WebModule.with(settings);
    case 'orders':
      return OrdersModule.with(settings);
    case 'inventory':
      return InventoryModule.with(settings);
    case 'payments':
      return PaymentsModule.with(settings, settings.port + tcpOffset);
    case 'reviews':
      return ReviewsModule.with(settings);
    case 'monolith':
      return MonolithModule.with(settings);
    default:
      return settings.name satisfies never;
  }
}

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const app = await NestFactory.create<NestFastifyApplication>(moduleOf(settings), new FastifyAdapter(), {
    logger: ['warn', 'error'],
  });
  if (settings.name === 'payments') {
    const options = { host: settings.host, port: settings.port + tcpOffset };
    app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options });
    await app.startAllMicroservices();
  }
  await app.listen(settings.port, settings.host);
  const registration = settings.name === 'monolith' ? undefined : app.get<Registration>(REGISTRATION);
  await registration?.register();
  console.log(`${settings.name} ${settings.version} serves on ${settings.host}:${settings.port}`);

  const stop = (): void => void leave(app, registration, settings);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

/** Out of the registry first; callers still have the address for a moment, so it serves on until they know. */
async function leave(
  app: NestFastifyApplication,
  registration: Registration | undefined,
  { drainMs }: ServiceSettings,
): Promise<void> {
  try {
    await registration?.deregister();
    await delay(registration === undefined ? 0 : drainMs);
    await app.close();
  } catch (error) {
    console.error(`not stopped in order: ${error instanceof Error ? error.message : String(error)}`);
  }
  process.exit(0); // the registries' clients keep timers and sockets that nothing ends
}

main().catch((error: unknown) => {
  console.error(error instanceof UsageError ? error.message : error);
  process.exit(error instanceof UsageError ? 2 : 1);
});
