import { ValueType } from '@opentelemetry/api';
import type { HrTime } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType } from '@opentelemetry/sdk-metrics';
import type { CollectionResult, DataPoint, GaugeMetricData, MetricProducer } from '@opentelemetry/sdk-metrics';

/** Tells what a gauge shows now: one value for each set of labels. */
export type Collect = (observe: (value: number, labels: Record<string, string>) => void) => void;
/** Adds a gauge. @param name without the prefix that all have */
export type AddGauge = (name: string, description: string, collect: Collect) => void;

/**
 * Gauges that say what is so when they are asked, and nothing else. An observable gauge of the SDK repeats every set of labels that
 * it was ever told (`TemporalMetricProcessor.merge` of sdk-metrics 3.1), so that a registry that was `stale` once is both `stale`
 * and `live` for good, clients that left stay counted, and after 2,000 sets everything new is `otel_metric_overflow`.
 */
export class Gauges implements MetricProducer {
  readonly #resource: Resource;
  readonly #scope: string;
  readonly #gauges: { readonly name: string; readonly description: string; readonly collect: Collect }[] = [];

  /** @param scope what the SDK calls the meter */
  constructor(resource: Resource, scope: string) {
    this.#resource = resource;
    this.#scope = scope;
  }

  readonly add: AddGauge = (name, description, collect) => {
    this.#gauges.push({ name, description, collect });
  };

  collect(): Promise<CollectionResult> {
    const now = Date.now();
    const time: HrTime = [Math.floor(now / 1_000), (now % 1_000) * 1_000_000];
    const metrics: GaugeMetricData[] = [];
    const errors: unknown[] = [];
    for (const { name, description, collect } of this.#gauges) {
      const dataPoints: DataPoint<number>[] = [];
      try {
        collect((value, attributes) => void dataPoints.push({ value, attributes, startTime: time, endTime: time }));
      } catch (error) {
        errors.push(error); // the others are told all the same
        continue;
      }
      if (dataPoints.length === 0) continue;
      const descriptor = { name, description, unit: '', valueType: ValueType.DOUBLE };
      metrics.push({
        ...{ descriptor, dataPoints },
        dataPointType: DataPointType.GAUGE,
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
      });
    }
    const scopeMetrics = [{ scope: { name: this.#scope }, metrics }];
    return Promise.resolve({ resourceMetrics: { resource: this.#resource, scopeMetrics }, errors });
  }
}
