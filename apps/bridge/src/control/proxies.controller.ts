import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type {
  ConfiguredResource,
  ProxyConfigView,
  ProxyList,
  ProxySettingsView,
  ProxyView,
  ProxyWorkloadView,
} from '@isthmus/contract';
import type { ClientStatus, PeerIdentity, SentResource } from '@isthmus/xds';
import { Engine } from '../engine/engine.ts';
import { XdsServers } from '../engine/xds-servers.ts';
import type { AutoRegistration } from '../istio/registration/auto-registration.ts';
import { answerOf } from './api-schema.ts';
import { ProblemException } from './problem.ts';
import { proxySettings, workloadOf } from './proxy-settings.ts';
import type { ProxySettingsQuery } from './proxy-settings.ts';

/** Who is connected to the xDS and MCP outputs, what each acknowledged and rejected, and why. */
@ApiTags('proxies')
@Controller('api/v1/proxies')
export class ProxiesController {
  readonly #servers: XdsServers;
  readonly #engine: Engine;

  constructor(@Inject(XdsServers) servers: XdsServers, @Inject(Engine) engine: Engine) {
    this.#servers = servers;
    this.#engine = engine;
  }

  @Get()
  @ApiOperation({ summary: 'Connected proxies: versions sent, acknowledged, rejected' })
  @ApiOkResponse(answerOf('ProxyList'))
  proxies(): ProxyList {
    const workloads = workloadsOf(this.#engine.istio.registration);
    return {
      items: this.#servers.all.flatMap((server) => server.clients()).map((client) => proxyView(client, workloads)),
      rejected: this.#servers.all.flatMap((server) => server.rejections()).sort((a, b) => b.lastAt - a.lastAt),
    };
  }

  @Get('settings')
  @ApiOperation({ summary: 'What ProxyConfigs say of a workload; its bootstrap is made with it' })
  @ApiQuery({ name: 'namespace', description: 'Of the workload' })
  @ApiQuery({ name: 'label', required: false, isArray: true, type: 'string', description: 'NAME=VALUE; may be given again' })
  @ApiOkResponse(answerOf('ProxySettingsView'))
  @ApiBadRequestResponse({ description: 'No namespace, or a label without a name', ...answerOf('Problem') })
  @ApiServiceUnavailableResponse({ description: "Istio's objects have not been read yet", ...answerOf('Problem') })
  async settings(@Query() query: ProxySettingsQuery): Promise<ProxySettingsView> {
    const workload = workloadOf(query);
    const { istio, readiness, config } = this.#engine;
    // What is not read yet is not the same as nothing: an Envoy would keep what it is started with.
    if (!readiness.knowsRules)
      throw new ProblemException(
        503,
        'Rules not read yet',
        "the bridge has not read Istio's objects since it was started",
        'ask again when /readyz no longer names istio; `isthmus get diagnostics` says what keeps it',
      );
    await istio.store.settled;
    return proxySettings(istio.store, { ...workload, rootNamespace: config.istio.rootNamespace });
  }

  @Get(':node/config')
  @ApiOperation({ summary: 'What a node was sent: names and versions of every type' })
  @ApiParam({ name: 'node', description: 'Node id' })
  @ApiOkResponse(answerOf('ProxyConfigView'))
  @ApiNotFoundResponse({ description: 'It is not connected', ...answerOf('Problem') })
  config(@Param('node') node: string): ProxyConfigView {
    for (const server of this.#servers.all) {
      const config = server.config(node);
      if (config === undefined) continue;
      const types = config.types.map(({ type, version, resources }) => ({
        type,
        version,
        resources: resources.map((r) => ({ name: r.name, version: r.version, state: stateOf(r) })),
      }));
      return { node, types };
    }
    throw new ProblemException(404, 'Not connected', `no proxy with the node id ${node} is connected`, 'isthmus proxy status');
  }
}

/** By connection: of two that say the same node id each has registered what it says itself. */
function workloadsOf(registration: AutoRegistration): ReadonlyMap<string, ProxyWorkloadView> {
  return new Map(
    registration.workloads().flatMap(({ name, claim: { namespace, group }, state, problem, connections }) => {
      const reason = problem === undefined ? {} : { reason: problem };
      const view: ProxyWorkloadView = {
        ...{ name: `${namespace}/${name}`, group, state: state === 'away' ? 'in' : state },
        ...reason,
      };
      return connections.map((one) => [connectionOf(one), view] as const);
    }),
  );
}

function connectionOf({ node, address }: { readonly node: string; readonly address: string }): string {
  return `${address} ${node}`;
}

function proxyView(client: ClientStatus, workloads: ReadonlyMap<string, ProxyWorkloadView>): ProxyView {
  const workload = workloads.get(connectionOf(client));
  return {
    node: client.node,
    address: client.address,
    ...(client.identity === undefined ? {} : { identity: nameOf(client.identity) }),
    connectedAt: client.since,
    transport: client.transport,
    types: client.types.map((type) => ({
      type: type.type,
      subscribed: type.wildcard ? '*' : type.subscribed,
      sent: type.sent ?? '',
      acked: type.acked ?? '',
      served: type.served,
      ...(type.unansweredSince === undefined ? {} : { unansweredSince: type.unansweredSince }),
      ...(type.nack === undefined ? {} : { nack: { at: type.nack.at, message: type.nack.message, names: type.nack.names } }),
    })),
    ...(workload === undefined ? {} : { workload }),
  };
}

function nameOf({ uris, dnsNames, commonName, fingerprint }: PeerIdentity): string {
  return uris[0] ?? dnsNames[0] ?? (commonName || fingerprint);
}

function stateOf({ pending, retiring, rejected }: SentResource): ConfiguredResource['state'] {
  if (rejected) return 'rejected';
  if (retiring) return 'retiring';
  return pending ? 'pending' : 'sent';
}
