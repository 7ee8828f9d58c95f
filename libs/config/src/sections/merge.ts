import { PROTOCOLS } from '@isthmus/model';
import type { Protocol, SourceId } from '@isthmus/model';
import { z } from 'zod';
import { sourceName } from '../fields.ts';
import { kubernetesPairsConfig, kubernetesPairsSchema } from './kubernetes-pairs.ts';
import type { KubernetesPairConfig } from './kubernetes-pairs.ts';

type PortTable = Readonly<Partial<Record<Protocol, number>>>;

/** How what the registries say becomes mesh hosts; the catalog's `MergeRules` but for the default namespace. */
export interface MergeConfig {
  readonly services: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  readonly hosts: readonly { readonly services: string; readonly host: string; readonly policy: 'merge' | 'first' }[];
  /** Every registry once: the configured order, then the rest in the order of the file. */
  readonly precedence: readonly SourceId[];
  readonly protocols: readonly { readonly services: string; readonly from?: string; readonly protocol: Protocol }[];
  readonly ports: PortTable;
  readonly servicePorts: readonly { readonly services: string; readonly ports: PortTable }[];
  readonly labels: {
    readonly keep: readonly string[];
    readonly drop: readonly string[];
    readonly rename: Readonly<Record<string, string>>;
  };
  readonly locality: {
    readonly region: readonly string[];
    readonly zone: readonly string[];
    readonly subzone: readonly string[];
    readonly defaults: readonly { readonly services: string; readonly cluster?: string; readonly locality: string }[];
  };
  readonly weights: readonly { readonly services: string; readonly scale: number }[];
  readonly namespaces: readonly {
    readonly services: string;
    readonly namespace?: string;
    readonly exportTo?: readonly string[];
  }[];
  readonly kubernetes: readonly KubernetesPairConfig[];
}

const MOST_RULES = 1_000;
const LABEL_NAME = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
/** Istio's: `*` is everywhere, `.` its own namespace, `~` nowhere. */
const EXPORT_TO = /^(?:[*.~]|[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)$/;

const services = z
  .string()
  .min(1)
  .max(1_024)
  .describe('Service ids the rule is for: registry/namespace/group/name, with * for any characters (shop/*/*/orders).');
const pattern = z.string().min(1).max(1_024);
const portNumber = z.int().min(1).max(65_535);
const ports = z.strictObject(Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, portNumber.optional()])));
const labelName = z
  .string()
  .regex(LABEL_NAME, 'is no label name: use letters, digits, - _ and ., at most 63, after an optional DNS name and /');
const metadataNames = (part: string) =>
  z
    .array(z.string().min(1).max(253))
    .max(16)
    .default([])
    .describe(`Metadata that names the ${part}; the first one present counts.`);

const hostRule = z.strictObject({
  services,
  host: z
    .string()
    .min(1)
    .max(253)
    .describe('Mesh host to give them; {source}, {namespace}, {group} and {name} stand for the parts of the service id.'),
  policy: z
    .enum(['merge', 'first'])
    .default('merge')
    .describe(
      'Of several services: merge the endpoints of all, or take those of the first (in precedence) that has one that works.',
    ),
});

export const mergeSection = z
  .strictObject({
    services: z
      .strictObject({
        include: z.array(pattern).max(MOST_RULES).default(['*']).describe('Service ids that become hosts.'),
        exclude: z.array(pattern).max(MOST_RULES).default([]).describe('Service ids that do not; wins over include.'),
      })
      .prefault({})
      .describe('Which services become hosts; what a registry reads at all is set at the registry.'),
    hosts: z
      .array(hostRule)
      .max(MOST_RULES)
      .default([])
      .describe('Rules that map services to mesh hosts; the first that matches counts.'),
    precedence: z
      .array(sourceName)
      .default([])
      .describe(
        'Registries in the order in which they win when several claim one host; the rest follow in the order of registries.',
      ),
    protocols: z
      .array(
        z.strictObject({
          services,
          from: z.string().min(1).max(63).optional().describe("The registry's name of the protocol (dubbo); without it, any."),
          protocol: z.enum(PROTOCOLS).describe('What the mesh takes it for.'),
        }),
      )
      .max(MOST_RULES)
      .default([])
      .describe('Protocols of instances; the first rule that matches counts.'),
    ports: ports.default({}).describe('Service port by protocol, where it is not the usual one (HTTP-like: 80).'),
    servicePorts: z
      .array(z.strictObject({ services, ports: ports.describe('Service port by protocol.') }))
      .max(MOST_RULES)
      .default([])
      .describe('The same for some services; the first that matches counts.'),
    labels: z
      .strictObject({
        keep: z.array(pattern).max(MOST_RULES).default(['*']).describe('Label names to keep, with * for any characters.'),
        drop: z.array(pattern).max(MOST_RULES).default([]).describe('Label names to leave out; wins over keep.'),
        rename: z.record(z.string().min(1), labelName).default({}).describe('New names of labels: { app_version: version }.'),
      })
      .prefault({})
      .describe('Labels of endpoints; the metadata they are made of stays visible in explain.'),
    locality: z
      .strictObject({
        region: metadataNames('region'),
        zone: metadataNames('zone'),
        subzone: metadataNames('subzone'),
        defaults: z
          .array(
            z.strictObject({
              services,
              cluster: z.string().min(1).max(253).optional().describe('Only in this cluster of the registry (Nacos).'),
              locality: z
                .string()
                .regex(/^[^/\s]{1,63}(?:\/[^/\s]{1,63}){0,2}$/, 'is no locality: use region, region/zone or region/zone/subzone')
                .describe('region, region/zone or region/zone/subzone.'),
            }),
          )
          .max(MOST_RULES)
          .default([])
          .describe('For endpoints that say nothing; the first that matches counts.'),
      })
      .prefault({})
      .describe('Where endpoints are.'),
    weights: z
      .array(
        z.strictObject({ services, scale: z.number().min(0).max(100).describe('1 changes nothing, 0 takes all traffic away.') }),
      )
      .max(MOST_RULES)
      .default([])
      .describe('Scale of the weights of some services, such as those of one registry; the first that matches counts.'),
    namespaces: z
      .array(
        z.strictObject({
          services,
          namespace: z
            .string()
            .min(1)
            .max(253)
            .optional()
            .describe(
              'Mesh namespace to give them; {source}, {namespace}, {group} and {name} stand for the parts of the service id.',
            ),
          exportTo: z
            .array(z.string().regex(EXPORT_TO, 'is no namespace: use *, . (its own), ~ (none) or a name'))
            .min(1)
            .max(100)
            .optional()
            .describe('Namespaces that may see them: *, ., or names. Default: all.'),
        }),
      )
      .max(MOST_RULES)
      .default([])
      .describe('Mesh namespaces of services, and who sees them; the first that matches counts.'),
    kubernetes: kubernetesPairsSchema,
  })
  .prefault({})
  .describe('How what the registries say becomes mesh hosts.');

export function mergeConfig(parsed: z.output<typeof mergeSection>, registries: readonly SourceId[]): MergeConfig {
  const table = (given: Record<string, number | undefined>): PortTable =>
    Object.fromEntries(Object.entries(given).filter(([, port]) => port !== undefined));
  const given = <T extends object>(rule: T) =>
    Object.fromEntries(Object.entries(rule).filter(([, field]) => field !== undefined)) as {
      [K in keyof T]: Exclude<T[K], undefined>;
    };
  return {
    services: parsed.services,
    hosts: parsed.hosts,
    precedence: [...new Set([...parsed.precedence, ...registries])],
    protocols: parsed.protocols.map(given),
    ports: table(parsed.ports),
    servicePorts: parsed.servicePorts.map((rule) => ({ services: rule.services, ports: table(rule.ports) })),
    labels: parsed.labels,
    locality: { ...parsed.locality, defaults: parsed.locality.defaults.map(given) },
    weights: parsed.weights,
    namespaces: parsed.namespaces.map(given),
    kubernetes: kubernetesPairsConfig(parsed.kubernetes),
  };
}
