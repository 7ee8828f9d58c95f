import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { describe, expect, test } from '@jest/globals';
import { Gauges } from './gauges.ts';

/** As the bridge's metrics are made: beside counters of the SDK. */
function scraper(): { readonly gauges: Gauges; readonly lines: () => Promise<readonly string[]> } {
  const resource = resourceFromAttributes({ 'service.name': 'isthmus' });
  const gauges = new Gauges(resource, 'isthmus');
  const exporter = new PrometheusExporter({ preventServerStart: true, metricProducers: [gauges] });
  const meter = new MeterProvider({ resource, readers: [exporter] }).getMeter('isthmus');
  meter.createCounter('pushes', { description: 'Of the SDK' }).add(3);
  const serializer = new PrometheusSerializer('isthmus');
  const lines = async () => {
    const { resourceMetrics } = await exporter.collect();
    return serializer.serialize(resourceMetrics).replaceAll(',otel_scope_name="isthmus"', '').split('\n');
  };
  return { gauges, lines };
}

describe('gauges', () => {
  test('a set of labels that is told no more is no line any more', async () => {
    const { gauges, lines } = scraper();
    let state = 'syncing';
    gauges.add('workloads', 'Pods', (observe) => observe(state === 'live' ? 2 : 0, { state }));
    expect(await lines()).toContain('isthmus_workloads{state="syncing"} 0');
    state = 'live';
    const after = (await lines()).filter((line) => line.startsWith('isthmus_workloads{'));
    expect(after).toEqual(['isthmus_workloads{state="live"} 2']);
  });

  test('one that has nothing to tell is not there, and is again when it has', async () => {
    const { gauges, lines } = scraper();
    let clients = 1;
    gauges.add('xds_clients', 'Streams', (observe) => {
      if (clients > 0) observe(clients, { transport: 'ads' });
    });
    expect((await lines()).filter((line) => line.includes('xds_clients'))).toEqual([
      '# HELP isthmus_xds_clients Streams',
      '# TYPE isthmus_xds_clients gauge',
      'isthmus_xds_clients{transport="ads"} 1',
    ]);
    clients = 0;
    expect((await lines()).filter((line) => line.includes('xds_clients'))).toEqual([]);
    clients = 2;
    expect(await lines()).toContain('isthmus_xds_clients{transport="ads"} 2');
  });

  test('more than 2,000 sets of labels, others each time, are all told', async () => {
    const { gauges, lines } = scraper();
    let from = 0;
    gauges.add('source_services', 'Services', (observe) => {
      for (let n = from; n < from + 1_500; n += 1) observe(n, { group: `g${n}` });
    });
    for (; from < 4_500; from += 1_500) {
      const told = (await lines()).filter((line) => line.startsWith('isthmus_source_services{'));
      expect(told).toHaveLength(1_500);
      expect(told.at(-1)).toBe(`isthmus_source_services{group="g${from + 1_499}"} ${from + 1_499}`);
    }
  });

  test('one that throws costs the others and the counters nothing', async () => {
    const { gauges, lines } = scraper();
    gauges.add('broken', 'Throws', () => {
      throw new Error('a bug');
    });
    gauges.add('ready', 'Says so', (observe) => observe(1, { output: 'xds' }));
    const text = await lines();
    expect(text).toContain('isthmus_ready{output="xds"} 1');
    expect(text.find((line) => line.startsWith('isthmus_pushes_total{'))).toMatch(/ 3$/);
  });
});
