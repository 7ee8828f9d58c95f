import type {
  ConfiguredResource,
  ProxyConfigView,
  ProxyList,
  ProxyNack,
  ProxySettingsView,
  ProxyTypeView,
  ProxyView,
  ProxyWorkloadView,
  RejectedProxyView,
} from '@isthmus/contract';
import { fields, flag, integer, oneOf, optional, ref, refs, text, textMap } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

const at = (what: string): Schema => integer(`${what}, ms since the epoch`);

/** Of the clients of the xDS and MCP outputs. */
export const PROXY_SCHEMAS: Readonly<Record<string, Schema>> = {
  ProxyList: fields<ProxyList>('Who is connected, and who was turned away.', {
    items: refs('ProxyView', 'Connected, in the order in which they came'),
    rejected: refs('RejectedProxyView', 'Newest first; the last 100 that differ'),
  }),
  RejectedProxyView: fields<RejectedProxyView>('Clients that were turned away, or whose stream was ended, for one reason.', {
    node: text('Node id, as claimed; empty when it was turned away before it could say so'),
    address: text('Of the last attempt'),
    code: text('Name of the gRPC status'),
    reason: text('As it was told'),
    count: integer('Attempts'),
    lastAt: at('Last attempt'),
  }),
  ProxyView: fields<ProxyView>('One stream of an Envoy or istiod.', {
    node: text('Node id, as the client claims it'),
    address: text('Where it comes from'),
    identity: optional(text('What its certificate says that it is')),
    connectedAt: at('Connected'),
    transport: oneOf(['sotw', 'delta', 'mcp'], 'How it is served'),
    types: refs('ProxyTypeView', 'What it subscribed to'),
    workload: optional(ref('ProxyWorkloadView')),
  }),
  ProxyWorkloadView: fields<ProxyWorkloadView>('A proxy as a workload of a WorkloadGroup.', {
    name: text('Namespace and name of its WorkloadEntry'),
    group: text('Name of the WorkloadGroup'),
    state: oneOf(
      ['in', 'unwell', 'refused'],
      'in: services that select it have it; unwell: its agent says so, or has not spoken yet; refused: it is no workload',
    ),
    reason: optional(text('Why it is refused')),
  }),
  ProxyTypeView: fields<ProxyTypeView>('One type of a stream.', {
    type: text('Type URL'),
    subscribed: { oneOf: [{ type: 'integer' }, { type: 'string', enum: ['*'] }], description: 'Names, or * for a wildcard' },
    sent: text('Version last sent; empty when none was'),
    acked: text('Version last acknowledged; empty when none was'),
    unansweredSince: optional(at('The last response was sent then, and is not answered')),
    served: flag('False: the bridge has no such type'),
    nack: optional(ref('ProxyNack')),
  }),
  ProxyNack: fields<ProxyNack>('What the client refused last, until it accepts something newer of the type.', {
    at: at('When'),
    message: text("The client's own words"),
    names: { type: 'array', items: { type: 'string' }, description: 'What it goes on with in an older form, as far as it says' },
  }),
  ProxyConfigView: fields<ProxyConfigView>('What a node was sent.', {
    node: text('Node id'),
    types: {
      type: 'array',
      items: fields<ProxyConfigView['types'][number]>('All resources of a type.', {
        type: text('Type URL'),
        version: text('Version of the whole'),
        resources: refs('ConfiguredResource', 'Sorted by name'),
      }),
    },
  }),
  ProxySettingsView: fields<ProxySettingsView>('What ProxyConfigs say of a workload.', {
    concurrency: optional(integer('Worker threads of Envoy, 0: one per CPU; absent: nobody says')),
    environmentVariables: textMap('Those named ISTIO_META_… are metadata of the node'),
    imageType: optional(text('Absent: nobody says')),
    diagnostics: refs('Diagnostic', 'What is wrong with ProxyConfigs, or with what may have some; at most 1,000'),
  }),
  ConfiguredResource: fields<ConfiguredResource>('One resource that a node was sent.', {
    name: text('Name'),
    version: text('Hash of its content; empty when only the proxy knows it'),
    state: oneOf(['sent', 'pending', 'retiring', 'rejected'], 'Does it have it, and in this form'),
  }),
};
