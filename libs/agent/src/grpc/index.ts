import { randomUUID } from 'node:crypto';
import { currentAgent, whenAgent } from '../process-agent.ts';
import { addPart } from '../resilience/resilience-parts.ts';
import { balancingPolicy } from './balancing-policy.ts';
import { callInterceptor } from './call-interceptor.ts';
import type { GrpcInterceptor, GrpcInterceptors } from './call-interceptor.ts';
import { discoveryConfig } from './discovery-config.ts';
import type { GrpcJs } from './grpc-js.ts';
import { instanceConfig, instancePolicy } from './instance-policy.ts';
import type { BalancedChannel } from './instance-policy.ts';
import { ResolvedChannel } from './isthmus-resolver.ts';
import type { GrpcInstances } from './isthmus-resolver.ts';
import { reporterTo } from './resolver-listener.ts';
import type { AnyListener } from './resolver-listener.ts';

export type { GrpcInterceptor, GrpcInterceptors } from './call-interceptor.ts';
export type { GrpcInstances } from './isthmus-resolver.ts';
export type { GrpcJs } from './grpc-js.ts';

export interface GrpcOptions {
  /** Instances as the application finds them; those of the plan by default. */
  readonly instances?: GrpcInstances;
}

interface GrpcUri {
  readonly path: string;
}

/** Of all channels of all processes, so that a share of them is of all of them. */
const processId = randomUUID();
let channels = 0;

/** How the agent balances: a name of this copy of the package only, for the resolver of another one knows nothing of its channels. */
const POLICY = `isthmus-${processId}`;
const balanced = new Map<string, BalancedChannel>();
const withPolicy = new WeakSet<GrpcJs>();

/** @returns the policy for one channel, as this version of grpc-js takes it */
function policyOf(grpc: GrpcJs, channel: string): object {
  const Config = instanceConfig(POLICY) as new (channel: string) => object;
  if (!withPolicy.has(grpc))
    grpc.experimental.registerLoadBalancerType(POLICY, instancePolicy(grpc, POLICY, balanced) as never, Config as never);
  withPolicy.add(grpc);
  return grpc.experimental.parseLoadBalancingConfig === undefined ? new Config(channel) : { [POLICY]: { channel } };
}

/**
 * Makes channels to `isthmus:HOST:PORT` follow the plan: `new OrdersClient('isthmus:orders.default-group.public.nacos:80', …)`, or `url` of Nest's
 * `ClientGrpc`. `:authority` is HOST:PORT, at the instances too. A channel moves as a whole: a share is one of channels, not of calls.
 * Credentials have to be insecure: the egress speaks plain HTTP/2, and the sidecar originates TLS where a DestinationRule says so.
 * @param grpc the application's own `@grpc/grpc-js`, 1.8 to 1.14
 */
export function registerGrpc(grpc: GrpcJs, options: GrpcOptions = {}): void {
  class IsthmusResolver {
    readonly #channel: ResolvedChannel;
    readonly #id: string;

    constructor(target: GrpcUri, listener: AnyListener, own: Readonly<Record<string, unknown>> = {}) {
      channels += 1;
      this.#id = String(channels);
      const authority = authorityOf(target);
      const config = own['grpc.service_config'];
      const policy = balancingPolicy(config, authority.slice(0, authority.lastIndexOf(':')));
      addPart(this, { target: authority, policies: () => [policy] });
      this.#channel = new ResolvedChannel({
        authority,
        discovery: discoveryConfig(config, policyOf(grpc, this.#id)),
        tellAgain: grpc.experimental.parseLoadBalancingConfig === undefined,
        reporter: reporterTo(listener, grpc),
        access: () => currentAgent()?.clients,
        instances: options.instances,
        whenAgent,
        channel: `${processId} ${channels}`,
        now: () => performance.now(),
      });
    }

    static getDefaultAuthority(target: GrpcUri): string {
      return authorityOf(target);
    }

    updateResolution(): void {
      // Again after `destroy`, too: a channel that was idle has its resolver back.
      balanced.set(this.#id, { balancer: () => this.#channel.balancer, unreachable: () => this.#channel.unreachable() });
      this.#channel.update();
    }

    destroy(): void {
      this.#channel.destroy();
      balanced.delete(this.#id);
    }
  }
  grpc.experimental.registerResolver('isthmus', IsthmusResolver);
}

/**
 * For `interceptors` of a client of a target (Nest: in `channelOptions`): its calls are counted for the plan's gates, each by the way that it took, tell the
 * sidecar what the process keeps for them, and have the trace of the incoming request. Without it they are, do and have not.
 * @param target `isthmus:HOST:PORT`, or HOST:PORT
 */
export function grpcInterceptor(grpc: GrpcInterceptors, target: string): GrpcInterceptor {
  const authority = authorityOf({ path: target.replace(/^isthmus:/, '') });
  return callInterceptor(
    grpc,
    authority,
    () => currentAgent()?.clients,
    () => performance.now(),
  );
}

/** @throws {Error} for what is no HOST or HOST:PORT */
function authorityOf({ path }: GrpcUri): string {
  const [, host = '', port = '80'] = /^\/*([^\s:/]+)(?::(\d{1,5}))?$/.exec(path) ?? [];
  if (host === '')
    throw new Error(
      `isthmus:${path} is no isthmus:HOST:PORT; take a host of the plan, isthmus:orders.default-group.public.nacos:80`,
    );
  return `${host.toLowerCase()}:${port}`;
}
