import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { takesTraffic } from '@isthmus/model';
import { MCP_TYPES } from '@isthmus/translate';
import { ADS_TYPES } from '@isthmus/xds';
import type { ClientStatus, XdsEvent } from '@isthmus/xds';
import { observeAgents } from '../agents/agent-metrics.ts';
import type { Agents } from '../agents/agents.ts';
import type { Engine } from './engine.ts';
import { Gauges } from './gauges.ts';
import { observeSafety } from './safety-metrics.ts';
import { observeLiveness } from './liveness-metrics.ts';
import { observeOutputs } from './output-metrics.ts';
import { observeRegistration } from './registration-metrics.ts';
import { observeReplicas } from './replica-metrics.ts';

/** What `/metrics` says. Gauges are computed when they are scraped, so they cost nothing in between. */
export class Metrics {
  readonly #resource = resourceFromAttributes({ 'service.name': 'isthmus' });
  readonly #gauges = new Gauges(this.#resource, 'isthmus');
  readonly #exporter = new PrometheusExporter({ preventServerStart: true, metricProducers: [this.#gauges] });
  readonly #serializer = new PrometheusSerializer('isthmus');
  readonly #provider = new MeterProvider({ resource: this.#resource, readers: [this.#exporter] });
  readonly #meter = this.#provider.getMeter('isthmus');
  readonly #pushes = this.#meter.createCounter('xds_pushes', { description: 'Responses sent to xDS and MCP clients' });
  readonly #bytes = this.#meter.createCounter('xds_pushed_bytes', { description: 'Bytes of these responses', unit: 'By' });
  readonly #nacks = this.#meter.createCounter('xds_nacks', { description: 'Responses that clients rejected' });
  readonly #refusals = this.#meter.createCounter('xds_refused', { description: 'Clients that were not let in' });
  readonly #ended = this.#meter.createCounter('xds_ended', { description: 'Streams that the bridge ended, by gRPC status' });
  readonly #odd = this.#meter.createCounter('xds_odd_requests', {
    description: 'Requests with a foreign nonce, for an unknown type, or faster than allowed',
  });
  readonly #ackTime = this.#meter.createHistogram('xds_ack_seconds', {
    description: 'From a push to its acknowledgement',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] },
  });

  constructor(engine: Engine) {
    this.#gauges.add('source_scopes', 'Scopes by registry and state', (observe) => {
      for (const scope of engine.catalog.scopes())
        observe(1, {
          source: scope.scope.source,
          namespace: scope.scope.namespace,
          group: scope.scope.group,
          state: scope.status.state,
        });
    });
    this.#gauges.add('source_services', 'Services that a scope lists', (observe) => {
      for (const { scope, records } of engine.catalog.scopes())
        observe(records.size, { source: scope.source, namespace: scope.namespace, group: scope.group });
    });
    this.#gauges.add('source_endpoints', 'Endpoints that a scope lists, by whether they take traffic', (observe) => {
      for (const { scope, records } of engine.catalog.scopes()) {
        let live = 0;
        let all = 0;
        for (const { record } of records.values()) {
          all += record.endpoints.length;
          live += record.endpoints.filter(takesTraffic).length;
        }
        const labels = { source: scope.source, namespace: scope.namespace, group: scope.group };
        observe(live, { ...labels, traffic: 'yes' });
        observe(all - live, { ...labels, traffic: 'no' });
      }
    });
    observeOutputs(engine, this.#gauges.add);
    observeSafety(engine, this.#gauges.add);
    this.#gauges.add('record_diagnostics', 'Problems in what the registries say, by code', (observe) => {
      const counts = new Map<string, number>();
      for (const { records, diagnostics } of engine.catalog.scopes()) {
        for (const d of diagnostics) counts.set(d.code, (counts.get(d.code) ?? 0) + 1);
        for (const { record } of records.values())
          for (const d of record.diagnostics) counts.set(d.code, (counts.get(d.code) ?? 0) + 1);
      }
      for (const [code, count] of counts) observe(count, { code });
    });
    this.#gauges.add('publications', 'Names published into a registry, by state', (observe) => {
      for (const sink of engine.sinks.all) {
        const counts = new Map<string, number>();
        for (const { state } of sink.publications()) counts.set(state, (counts.get(state) ?? 0) + 1);
        for (const [state, count] of counts) observe(count, { registry: sink.id, state });
      }
    });
    this.#gauges.add('publication_writes', 'Entries written, renewed, withdrawn and refused since the start', (observe) => {
      for (const sink of engine.sinks.all)
        for (const [what, count] of Object.entries(sink.counters)) observe(count, { registry: sink.id, what });
    });
    this.#gauges.add('publication_failing', '1 while a registry that is published into cannot be written', (observe) => {
      for (const sink of engine.sinks.all) observe(sink.status.state === 'failing' ? 1 : 0, { registry: sink.id });
    });
    observeLiveness(engine, this.#gauges.add);
    this.#gauges.add('ledger_revision', 'Revision of the ledger', (observe) => observe(engine.ledger.revision, {}));
    observeReplicas(engine, this.#gauges.add);
    observeRegistration(engine, this.#gauges.add);
    this.#gauges.add('snapshot_revision', 'Revision of what is published', (observe) => {
      observe(engine.xds.revision, { output: 'xds' });
      observe(engine.mcp.revision, { output: 'mcp' });
    });
    this.#gauges.add('ready', '1 when the outputs speak', (observe) => observe(engine.readiness.state === 'waiting' ? 0 : 1, {}));
  }

  observeAgents(agents: Agents): void {
    observeAgents(agents, this.#gauges.add);
  }

  observeLiveEvents(live: { readonly open: number; readonly refused: number }): void {
    this.#gauges.add('event_streams', 'Streams of live events that are open', (observe) => observe(live.open, {}));
    this.#gauges.add(
      'event_streams_refused',
      'Streams of live events refused since the start, as too many were open',
      (observe) => observe(live.refused, {}),
    );
  }

  observeClients(clients: () => readonly ClientStatus[]): void {
    this.#gauges.add('xds_clients', 'Connected streams', (observe) => {
      const counts = new Map<string, number>();
      for (const client of clients()) counts.set(client.transport, (counts.get(client.transport) ?? 0) + 1);
      for (const [transport, count] of counts) observe(count, { transport });
    });
  }

  xdsEvent(output: 'xds' | 'mcp', event: XdsEvent): void {
    switch (event.kind) {
      case 'pushed':
        this.#pushes.add(1, { output, type: typeLabel(event.type) });
        this.#bytes.add(event.bytes, { output, type: typeLabel(event.type) });
        return;
      case 'acked':
        this.#ackTime.record(event.ms / 1000, { output, type: typeLabel(event.type) });
        return;
      case 'nacked':
        this.#nacks.add(1, { output, type: typeLabel(event.type) });
        return;
      case 'refused':
        this.#refusals.add(1, { output, code: event.code });
        return;
      case 'ended':
        this.#ended.add(1, { output, code: event.code });
        return;
      case 'odd':
        this.#odd.add(1, { output, what: event.what });
        return;
      case 'connected':
      case 'disconnected':
        return;
      default:
        event satisfies never;
    }
  }

  /** Prometheus's text format. */
  async text(): Promise<string> {
    const { resourceMetrics } = await this.#exporter.collect();
    return this.#serializer.serialize(resourceMetrics);
  }
}

const KNOWN_TYPES: ReadonlySet<string> = new Set([...ADS_TYPES, ...MCP_TYPES]);

/** Clients ask for whatever they like, and every label is a time series for good. */
function typeLabel(type: string): string {
  return KNOWN_TYPES.has(type) ? type : 'other';
}
