import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { Agents } from './agents/agents.ts';
import { AgentsController } from './control/agents.controller.ts';
import { ControlController } from './control/control.controller.ts';
import { EventsController } from './control/events.controller.ts';
import { RegistrationsController } from './control/registrations.controller.ts';
import { HealthController } from './control/health.controller.ts';
import { LiveEvents } from './control/live-events.ts';
import { LivenessController } from './control/liveness.controller.ts';
import { OutputsController } from './control/outputs.controller.ts';
import { PlansController } from './control/plans.controller.ts';
import { ShadowController } from './control/shadow.controller.ts';
import { ProxiesController } from './control/proxies.controller.ts';
import { PublicationsController } from './control/publications.controller.ts';
import { Engine } from './engine/engine.ts';
import { Metrics } from './engine/metrics.ts';
import { XdsServers } from './engine/xds-servers.ts';

export interface BridgeParts {
  readonly agents: Agents;
  readonly engine: Engine;
  readonly live: LiveEvents;
  readonly metrics: Metrics;
  readonly servers: XdsServers;
}

/** The control role: what the engine knows, over HTTP. The engine itself is framework-free and made in `serve.ts`. */
@Module({})
export class BridgeModule {
  static with({ agents, engine, live, metrics, servers }: BridgeParts): DynamicModule {
    return {
      module: BridgeModule,
      controllers: [
        AgentsController,
        ControlController,
        EventsController,
        OutputsController,
        PlansController,
        ProxiesController,
        ShadowController,
        PublicationsController,
        LivenessController,
        RegistrationsController,
        HealthController,
      ],
      providers: [
        { provide: Agents, useValue: agents },
        { provide: Engine, useValue: engine },
        { provide: LiveEvents, useValue: live },
        { provide: Metrics, useValue: metrics },
        { provide: XdsServers, useValue: servers },
      ],
    };
  }
}
