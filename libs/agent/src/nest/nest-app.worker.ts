/**
 * A Nest application with `@isthmus/agent/nest`, by the Nest that is in a folder: 10 and 11 have one of their own (test/nest), 12 is the
 * project's. Arguments: that folder, the target, a `.proto` or nothing. Says its port, and ends in order when the parent says so.
 */
import 'reflect-metadata';
import type http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { registerGrpc } from '../grpc/index.ts';
import type { GrpcJs } from '../grpc/index.ts';
import { Isthmus, IsthmusHealth, IsthmusModule, Target } from './index.ts';
import type { IsthmusOptions, TargetHandle } from './index.ts';

const [folder = '', target = '', proto = ''] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
type Decorator = (...values: unknown[]) => (...on: unknown[]) => void;
interface Observed {
  subscribe(done: { next(value: { readonly data: unknown }): void; error(error: unknown): void }): void;
}

const { Controller, Get, Inject, Module } = require('@nestjs/common') as Record<string, Decorator>;
const { NestFactory } = require('@nestjs/core') as {
  NestFactory: { create(module: unknown, ...more: unknown[]): Promise<NestApplication> };
};
const { HttpModule, HttpService } = require('@nestjs/axios') as { HttpModule: object; HttpService: object };
const { TerminusModule, HealthCheckService } = require('@nestjs/terminus') as {
  TerminusModule: object;
  HealthCheckService: object;
};

interface NestApplication {
  enableShutdownHooks(): void;
  listen(port: number, host: string): Promise<unknown>;
  close(): Promise<void>;
  getHttpServer(): http.Server;
}

/** Decorators by hand: what TypeScript would emit for them. */
function decorate(on: abstract new (...values: never[]) => unknown, name: string, decorator: (...on: unknown[]) => void): void {
  decorator(on.prototype, name, Object.getOwnPropertyDescriptor(on.prototype, name));
}

class Front {
  readonly orders: TargetHandle;
  readonly clients: { get(url: string): Observed };
  readonly checks: { check(indicators: readonly (() => unknown)[]): Promise<unknown> };
  readonly health: IsthmusHealth;
  declare byProperty: TargetHandle;

  constructor(orders: TargetHandle, clients: Front['clients'], checks: Front['checks'], health: IsthmusHealth) {
    this.orders = orders;
    this.clients = clients;
    this.checks = checks;
    this.health = health;
  }

  async call(): Promise<object> {
    const { status, headers, text } = await this.byProperty.call('/handle', { method: 'PUT', body: { a: 1 } });
    return { status, type: typeof headers, text: text(), rung: this.orders.rung, desired: this.orders.desired };
  }

  async module(): Promise<object> {
    const answer = this.clients.get(this.orders.url('/module'));
    return new Promise((resolve, reject) => {
      answer.subscribe({ next: ({ data }) => resolve({ text: data }), error: reject });
    });
  }

  async checked(): Promise<unknown> {
    const old = require('@nestjs/terminus/package.json') as { readonly version: string };
    const check = old.version.startsWith('10.') ? () => this.health.check() : () => this.health.isHealthy();
    try {
      return await this.checks.check([check]);
    } catch (error) {
      return (error as { getResponse(): unknown }).getResponse();
    }
  }

  async channel(): Promise<object> {
    return byGrpc();
  }
}
[Target(target), Inject?.(HttpService), Inject?.(HealthCheckService), Inject?.(IsthmusHealth)].forEach((decorator, index) =>
  (decorator as (on: object, key: undefined, index: number) => void)(Front, undefined, index),
);
Target(target)(Front.prototype, 'byProperty');
for (const name of ['call', 'module', 'checked', 'channel']) decorate(Front, name, Get?.(name) as () => void);
Controller?.()(Front);

/** Nest's own gRPC client on a channel that follows the plan. */
let grpcClient: { who(nothing: object): { subscribe(done: { next(answer: object): void; error(error: unknown): void }): void } };
async function byGrpc(): Promise<object> {
  if (grpcClient === undefined) {
    const { ClientProxyFactory, Transport } = require('@nestjs/microservices') as {
      ClientProxyFactory: { create(options: object): { getService(name: string): typeof grpcClient } };
      Transport: { readonly GRPC: number };
    };
    registerGrpc(require('@grpc/grpc-js') as GrpcJs);
    const options = { package: 'isthmus.test', protoPath: proto, url: `isthmus:${target}:80` };
    grpcClient = ClientProxyFactory.create({ transport: Transport.GRPC, options }).getService('Names');
  }
  return new Promise((resolve, reject) => {
    grpcClient.who({}).subscribe({ next: resolve, error: (error: Error) => resolve({ failed: error.message }) });
    process.once('disconnect', reject);
  });
}

const [host = '', port = ''] = (process.env['NEST_EGRESS'] ?? '').split(':');
const order: string[] = [];
const registration = {
  ...{ id: 'test', propagationMs: 0 },
  register: async () => undefined,
  deregister: async () => {
    const isAnswering = application.getHttpServer().listening;
    order.push(
      `deregisters: servers ${isAnswering ? 'answer' : 'are closed'}, the agent ${isthmus.agent === undefined ? 'is gone' : 'runs'}`,
    );
  },
};
const options: IsthmusOptions = {
  provider: { registrations: [registration] },
  agent: { planFile: process.env['NEST_PLAN'] ?? '', places: { egress: { host, port: Number(port) } } },
};
const configured =
  process.env['NEST_ASYNC'] === undefined
    ? IsthmusModule.forRoot(options)
    : IsthmusModule.forRootAsync({ inject: [], useFactory: async () => options });

class Application {
  onModuleDestroy(): void {
    order.push('onModuleDestroy');
  }
  onApplicationShutdown(): void {
    order.push('onApplicationShutdown');
  }
}
Module?.({ imports: [configured, HttpModule, TerminusModule], controllers: [Front] })(Application);

const isProject = !folder.includes('nest');
const { FastifyAdapter } = (isProject ? require('@nestjs/platform-fastify') : {}) as { FastifyAdapter?: new () => object };
const adapter = FastifyAdapter === undefined ? [] : [new FastifyAdapter()];
const application = await NestFactory.create(Application, ...adapter, { logger: ['error'] });
application.enableShutdownHooks();
await application.listen(0, '127.0.0.1');
const isthmus = (application as unknown as { get(token: unknown): Isthmus }).get(Isthmus);
process.send?.({ port: (application.getHttpServer().address() as AddressInfo).port });
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  const before = isthmus.agent !== undefined;
  void application.close().then(() => process.send?.({ before, after: isthmus.agent !== undefined, order }));
});
