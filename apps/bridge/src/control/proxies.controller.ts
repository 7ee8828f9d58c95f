import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { ItemList, ProxyConfigView, ProxyView } from '@isthmus/contract';
import type { ClientStatus } from '@isthmus/xds';
import { XdsServers } from '../engine/xds-servers.ts';
import { answerOf, listOf } from './api-schema.ts';
import { ProblemException } from './problem.ts';

/** Who is connected to the xDS and MCP outputs, what each acknowledged and rejected, and why. */
@ApiTags('proxies')
@Controller('api/v1/proxies')
export class ProxiesController {
  readonly #servers: XdsServers;

  constructor(@Inject(XdsServers) servers: XdsServers) {
    this.#servers = servers;
  }

  @Get()
  @ApiOperation({ summary: 'Connected proxies: versions sent, acknowledged, rejected' })
  @ApiOkResponse(listOf('ProxyView'))
  proxies(): ItemList<ProxyView> {
    return { items: this.#servers.all.flatMap((server) => server.clients()).map(proxyView) };
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
        resources: resources.map((r) => ({ name: r.name, version: r.version })),
      }));
      return { node, types };
    }
    throw new ProblemException(404, 'Not connected', `no proxy with the node id ${node} is connected`, 'isthmus proxy status');
  }
}

function proxyView(client: ClientStatus): ProxyView {
  return {
    node: client.node,
    address: client.address,
    connectedAt: client.since,
    transport: client.transport,
    types: client.types.map((type) => ({
      type: type.type,
      subscribed: type.wildcard ? '*' : type.subscribed,
      sent: type.sent ?? '',
      acked: type.acked ?? '',
      ...(type.nack === undefined ? {} : { nack: { at: type.nack.at, message: type.nack.message } }),
    })),
  };
}
