import { NOWHERE, formatLocality } from '@isthmus/model';
import type { Diagnostic, Endpoint, Locality, Protocol, ServiceRecord } from '@isthmus/model';
import { servicePattern, textPattern } from './service-pattern.ts';

/** The registry's name of a protocol, and what the mesh is to take it for. */
export interface ProtocolRule {
  readonly services: string;
  /** As in the metadata (`dubbo`), without case; undefined: whatever it is. */
  readonly from?: string;
  readonly protocol: Protocol;
}

/** Which labels callers see; `*` stands for any characters of a name. */
export interface LabelRules {
  readonly keep: readonly string[];
  readonly drop: readonly string[];
  /** From one valid label name to another. */
  readonly rename: Readonly<Record<string, string>>;
}

export interface LocalityRules {
  /** Metadata that holds each part, the first one present counts; empty: as the source reads it. */
  readonly region: readonly string[];
  readonly zone: readonly string[];
  readonly subzone: readonly string[];
  /** For endpoints that say nothing; the first that matches counts. */
  readonly defaults: readonly {
    readonly services: string;
    readonly cluster?: string;
    /** `region/zone/subzone` */
    readonly locality: string;
  }[];
}

/** A registry's weights against another's. */
export interface WeightRule {
  readonly services: string;
  /** 0 to 100; 1 changes nothing. */
  readonly scale: number;
}

export interface RecordRules {
  readonly protocols: readonly ProtocolRule[];
  readonly labels: LabelRules;
  readonly locality: LocalityRules;
  readonly weights: readonly WeightRule[];
}

export interface MappedRecord {
  /** The record itself where no rule changed anything. */
  readonly record: ServiceRecord;
  /** What the rules did, for `explain`: "merge.weights[0]: weight × 0.5". */
  readonly did: readonly string[];
}

const MOST_WEIGHT = 10_000;
const NO_CHANGE: readonly string[] = [];

type Step = (endpoint: Endpoint, done: Map<string, number>) => Endpoint;

/** False: `unchanged` is all that these rules do, to any record. */
export function changesRecords({ protocols, labels, locality, weights }: RecordRules): boolean {
  const reads = [locality.region, locality.zone, locality.subzone, locality.defaults];
  return protocols.length + weights.length > 0 || reads.some((list) => list.length > 0) || !keepsLabels(labels);
}

export const unchanged = (record: ServiceRecord): MappedRecord => ({ record, did: NO_CHANGE });

/** Pure; the cost of a record is that of its endpoints, and nothing where no rule concerns it. */
export function recordRules(rules: RecordRules): (record: ServiceRecord) => MappedRecord {
  const makers = [
    protocolStep(rules.protocols),
    localityStep(rules.locality),
    weightStep(rules.weights),
    labelStep(rules.labels),
  ];
  return (record) => {
    const steps = makers.flatMap((make) => make(record) ?? []);
    if (steps.length === 0) return { record, did: NO_CHANGE };
    const done = new Map<string, number>();
    const endpoints = record.endpoints.map((endpoint) => steps.reduce((e, step) => step(e, done), endpoint));
    if (done.size === 0) return { record, did: NO_CHANGE };
    const did = [...done]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, n]) => `${what} (${n} ${n === 1 ? 'endpoint' : 'endpoints'})`);
    return { record: { ...record, endpoints, diagnostics: stillTrue(record, endpoints) }, did };
  };
}

/** What was said of a protocol that nobody knows is no longer true where a rule names it. */
function stillTrue(record: ServiceRecord, endpoints: readonly Endpoint[]): readonly Diagnostic[] {
  const named = new Set(endpoints.filter((e, i) => e.protocol !== record.endpoints[i]?.protocol).map((e) => e.instanceId));
  return record.diagnostics.filter(
    (d) => d.code !== 'port.unknown-protocol' || !named.has(d.where.slice(d.where.indexOf(' ') + 1)),
  );
}

function note(done: Map<string, number>, what: string): void {
  done.set(what, (done.get(what) ?? 0) + 1);
}

function protocolStep(rules: readonly ProtocolRule[]): (record: ServiceRecord) => Step | undefined {
  const matchers = rules.map((rule) => servicePattern(rule.services));
  return ({ key }) => {
    const mine = rules.flatMap((rule, i) =>
      matchers[i]?.(key) === true ? [{ ...rule, from: rule.from?.toLowerCase(), i }] : [],
    );
    if (mine.length === 0) return undefined;
    return (endpoint, done) => {
      if (endpoint.portName !== undefined) return endpoint; // its service declares what the port speaks
      const said = (endpoint.metadata['protocol'] ?? endpoint.protocol).toLowerCase();
      const rule = mine.find(({ from }) => from === undefined || from === said);
      if (rule === undefined || rule.protocol === endpoint.protocol) return endpoint;
      note(done, `merge.protocols[${rule.i}]: ${said} is ${rule.protocol}`);
      return { ...endpoint, protocol: rule.protocol };
    };
  };
}

function localityStep(rules: LocalityRules): (record: ServiceRecord) => Step | undefined {
  const keys = [rules.region, rules.zone, rules.subzone] as const;
  const mapped = keys.some((list) => list.length > 0);
  const matchers = rules.defaults.map((rule) => servicePattern(rule.services));
  return ({ key }) => {
    const defaults = rules.defaults.flatMap((rule, i) => (matchers[i]?.(key) === true ? [{ ...rule, i }] : []));
    if (!mapped && defaults.length === 0) return undefined;
    return (endpoint, done) => {
      const rule = defaults.find(({ cluster }) => cluster === undefined || cluster === endpoint.cluster);
      const [region, zone, subzone] = keys.map((list) => firstOf(endpoint.metadata, list));
      if (region !== undefined || zone !== undefined || subzone !== undefined) {
        const said =
          formatLocality(endpoint.locality) !== '' || rule === undefined ? endpoint.locality : parseLocality(rule.locality);
        const inRegion = region ?? said.region; // a zone alone says nothing to Envoy and Istio
        const locality = { region: inRegion, zone: zone ?? (region === undefined ? said.zone : ''), subzone: subzone ?? '' };
        return at(endpoint, locality, done, 'merge.locality: read from the metadata');
      }
      if (formatLocality(endpoint.locality) !== '') return endpoint;
      if (rule === undefined) return endpoint;
      return at(endpoint, parseLocality(rule.locality), done, `merge.locality.defaults[${rule.i}]: ${rule.locality}`);
    };
  };
}

function at(endpoint: Endpoint, locality: Locality, done: Map<string, number>, what: string): Endpoint {
  if (formatLocality(locality) === formatLocality(endpoint.locality)) return endpoint;
  note(done, what);
  return { ...endpoint, locality };
}

function firstOf(metadata: Readonly<Record<string, string>>, keys: readonly string[]): string | undefined {
  const key = keys.find((name) => (metadata[name] ?? '') !== '');
  return key === undefined ? undefined : metadata[key];
}

function parseLocality(text: string): Locality {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return region === '' ? NOWHERE : { region, zone, subzone };
}

function weightStep(rules: readonly WeightRule[]): (record: ServiceRecord) => Step | undefined {
  const matchers = rules.map((rule) => servicePattern(rule.services));
  return ({ key }) => {
    const index = matchers.findIndex((matches) => matches(key));
    const scale = rules[index]?.scale ?? 1;
    if (scale === 1) return undefined;
    return (endpoint, done) => {
      if (endpoint.weight === 0) return endpoint;
      note(done, `merge.weights[${index}]: weight × ${scale}`);
      // Four decimals: the sum of 0.1 and 0.2 is no new weight.
      return { ...endpoint, weight: Math.min(MOST_WEIGHT, Math.round(endpoint.weight * scale * 10_000) / 10_000) };
    };
  };
}

function labelStep({ keep, drop, rename }: LabelRules): (record: ServiceRecord) => Step | undefined {
  const kept = keep.map(textPattern);
  const dropped = drop.map(textPattern);
  const step: Step = (endpoint, done) => {
    const labels: Record<string, string> = {};
    const renamed: [string, string][] = [];
    let changed = false;
    for (const [name, value] of Object.entries(endpoint.labels)) {
      const to = Object.hasOwn(rename, name) ? rename[name] : undefined;
      if (!kept.some((test) => test(name)) || dropped.some((test) => test(name))) {
        changed = true;
        note(done, `merge.labels: ${name} dropped`);
      } else if (to === undefined || to === name) labels[name] = value;
      else renamed.push([name, to]);
    }
    for (const [name, to] of renamed.sort(([a], [b]) => (a < b ? -1 : 1))) {
      changed = true;
      // What the registry calls so itself stays; of two that are renamed to one name the first counts.
      if (Object.hasOwn(labels, to)) note(done, `merge.labels: ${name} dropped, there is a ${to}`);
      else {
        labels[to] = value(endpoint, name);
        note(done, `merge.labels: ${name} is ${to}`);
      }
    }
    return changed ? { ...endpoint, labels } : endpoint;
  };
  const isIdle = keepsLabels({ keep, drop, rename });
  return () => (isIdle ? undefined : step);
}

function keepsLabels({ keep, drop, rename }: LabelRules): boolean {
  return keep.includes('*') && drop.length === 0 && Object.keys(rename).length === 0;
}

function value(endpoint: Endpoint, label: string): string {
  return endpoint.labels[label] ?? '';
}
