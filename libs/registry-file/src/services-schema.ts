import { isIP } from 'node:net';
import { PROTOCOLS, parseMeshHost } from '@isthmus/model';
import { z } from 'zod';

const portNumber = z.int().min(1).max(65_535);
const host = z
  .string()
  .refine((text) => parseMeshHost(text) !== undefined, {
    error: 'is no DNS name: use letters, digits, dashes and dots, such as billing.shop.mesh',
  })
  .describe('Mesh host that callers use.');
const address = z
  .string()
  .refine(isAddress, { error: 'is no address that can be dialled: use an IP or a DNS name' })
  .describe('IP or DNS name that callers can reach.');
const portName = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'use 1 to 63 lower-case letters, digits and dashes');
const labels = z.record(z.string(), z.string()).default({});

const port = z
  .strictObject({
    number: portNumber.describe('Port that callers use.'),
    protocol: z.enum(PROTOCOLS).default('http').describe('What is spoken there. Default http.'),
    name: portName.optional().describe('Default: protocol and number, http-80.'),
  })
  .describe('A port of the service, as callers see it.');

const endpoint = z
  .strictObject({
    address,
    port: portNumber.optional().describe('Port that it listens on, where the service has one port.'),
    ports: z.record(z.string(), portNumber).optional().describe('Ports that it listens on, by name of the service’s port.'),
    weight: z.number().min(0).max(10_000).default(1).describe('1 is normal, 0.5 gets half of it, 0 nothing. Default 1.'),
    health: z
      .enum(['healthy', 'unhealthy', 'disabled'])
      .default('healthy')
      .describe('Only healthy ones get traffic. Default healthy.'),
    region: z.string().max(253).default('').describe('Of its locality.'),
    zone: z.string().max(253).default('').describe('Of its locality.'),
    subzone: z.string().max(253).default('').describe('Of its locality.'),
    labels: labels.describe('For subsets, such as version: v2.'),
    network: z.string().max(253).default('').describe('Istio network of the address. Default: the default network.'),
    serviceAccount: z.string().max(253).default('').describe('Identity behind it; without one there is no mTLS to it.'),
  })
  .describe('A process that serves.');

const service = z
  .strictObject({
    host,
    ports: z
      .array(port)
      .min(1)
      .max(64)
      .default([{ number: 80, protocol: 'http' }])
      .describe('Default: HTTP on 80.'),
    endpoints: z.array(endpoint).max(50_000).default([]).describe('Where it runs; none: it is known, but nothing serves it.'),
    address: z
      .string()
      .refine((text) => isIP(text) !== 0, { error: 'is no IP: write the address that callers use already' })
      .optional()
      .describe('Address that callers use already; default: one is allocated.'),
    meshNamespace: portName.optional().describe('Mesh namespace; default: that of the bridge.'),
    exportTo: z.array(z.string().min(1).max(253)).min(1).optional().describe('Namespaces that may see it: names, "." or "*".'),
  })
  .describe('A service that is in no registry.');

export const servicesSchema = z
  .strictObject({ services: z.array(service).max(10_000).describe('All services of this document; [] means none.') })
  .describe('Services for a registry of kind file.');

export type Services = z.output<typeof servicesSchema>;
export type Service = Services['services'][number];

const metadata = z.looseObject({
  name: z.string().min(1).max(253),
  namespace: z.string().max(253).default(''),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
  creationTimestamp: z.string().nullish(),
});
const istioApi = z.string().regex(/^networking\.istio\.io\/(?:v1|v1beta1|v1alpha3)$/, 'use networking.istio.io/v1');

const workloadSpec = z
  .strictObject({
    address: address.optional(),
    ports: z.record(z.string(), portNumber).default({}),
    labels,
    network: z.string().default(''),
    locality: z.string().default(''),
    weight: z.int().min(0).max(1_000_000).default(0),
    serviceAccount: z.string().default(''),
  })
  .describe('Istio’s WorkloadEntry.');

export const serviceEntrySchema = z
  .looseObject({
    apiVersion: istioApi,
    kind: z.literal('ServiceEntry'),
    metadata,
    spec: z.strictObject({
      hosts: z.array(host).min(1).max(256),
      addresses: z.array(z.string()).max(256).default([]),
      ports: z
        .array(
          z.strictObject({
            number: portNumber,
            name: z.string().min(1).max(253),
            protocol: z.string().default(''),
            targetPort: portNumber.optional(),
          }),
        )
        .max(256)
        .default([]),
      location: z.enum(['MESH_EXTERNAL', 'MESH_INTERNAL']).optional(),
      resolution: z.enum(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN']).default('NONE'),
      endpoints: z.array(workloadSpec).max(4_096).default([]),
      workloadSelector: z.strictObject({ labels }).optional(),
      exportTo: z.array(z.string()).default([]),
      subjectAltNames: z.array(z.string()).default([]),
    }),
  })
  .describe('Istio’s ServiceEntry.');

export const workloadEntrySchema = z
  .looseObject({ apiVersion: istioApi, kind: z.literal('WorkloadEntry'), metadata, spec: workloadSpec })
  .describe('Istio’s WorkloadEntry, for ServiceEntries that select it.');

export type ServiceEntryDocument = z.output<typeof serviceEntrySchema>;
export type WorkloadEntryDocument = z.output<typeof workloadEntrySchema>;

/** 10.0.0.256 is a mistyped address, not a name. */
function isAddress(text: string): boolean {
  if (isIP(text) !== 0) return !/^(?:0\.0\.0\.0|::)$/.test(text) && !text.includes('%');
  return parseMeshHost(text) !== undefined && !/(?:^|\.)\d+$/.test(text);
}
