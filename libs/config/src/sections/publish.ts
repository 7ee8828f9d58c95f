import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { durationField, sourceName } from '../fields.ts';

/** One entry of `publish:`, checked. */
export interface PublishConfig {
  readonly to: SourceId;
  /** Mesh hosts or service ids, with `*`. */
  readonly services: readonly string[];
  readonly address: 'instance' | 'sidecar' | 'gateway';
  /** For `gateway`; `address:port`, an IPv6 address in brackets. */
  readonly gateways: readonly { readonly address: string; readonly port: number }[];
  /** For `sidecar`. */
  readonly sidecarPort: number | undefined;
  /** Service port, by number or name; undefined: the first HTTP-like one, else the first. */
  readonly port: number | string | undefined;
  /** With placeholders. */
  readonly name: string;
  /** `''`: the registry's first, or default. */
  readonly namespace: string;
  readonly group: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlMs: number;
}

/** `imports:`, checked. */
export interface ImportsConfig {
  readonly leaveOut: readonly ('consul-k8s' | 'higress' | 'nacos-sync')[];
}

/** Where iptables bring a workload's calls, as Istio has it; calls that are made to these themselves are refused. */
const INTERCEPTION_PORTS: readonly number[] = [15_001, 15_006];

const portNumber = z.int().min(1).max(65_535);
const gateway = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):[0-9]{1,5}$/, 'use ADDRESS:PORT, such as 10.0.0.5:80')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'has a port above 65535');

export const publishSection = z
  .array(
    z
      .strictObject({
        to: sourceName.describe('Registry to publish into, by its name under registries.'),
        services: z
          .array(z.string().min(1).max(1_024))
          .min(1)
          .max(1_000)
          .describe(
            'What to publish: mesh hosts (*.file) or service ids (k8s/*/*/monolith), with * for any characters. A service never goes back into a registry that has it.',
          ),
        address: z
          .enum(['instance', 'sidecar', 'gateway'])
          .default('instance')
          .describe('What callers dial: each instance itself, the sidecar on its address, or a gateway for all of them.'),
        gateway: z
          .union([gateway, z.array(gateway).min(1).max(20)])
          .optional()
          .describe('With address: gateway: where it listens, ADDRESS:PORT, or several of them.'),
        sidecarPort: portNumber
          .optional()
          .describe('With address: sidecar: the port on which every instance’s sidecar takes calls.'),
        port: z
          .union([portNumber, z.string().min(1).max(63)])
          .optional()
          .describe('Service port, by number or name, of services with several; default: the first that is HTTP-like.'),
        name: z
          .string()
          .min(1)
          .max(253)
          .default('{name}')
          .describe('Name in the registry; {name}, {namespace}, {group}, {source} (of the service) and {host} are filled in.'),
        namespace: z
          .string()
          .min(1)
          .max(128)
          .optional()
          .describe('Namespace (Nacos); default: the first that the registry reads.'),
        group: z.string().min(1).max(128).optional().describe('Group (Nacos); default: DEFAULT_GROUP.'),
        metadata: z
          .record(z.string().min(1).max(128), z.string().max(512))
          .default({})
          .describe('Metadata for every entry, over that of the instances.'),
        ttl: durationField(3_000, 3_600_000, '30s').describe('How long entries outlive a bridge that is gone.'),
      })
      .superRefine((entry, context) => {
        const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
        if (entry.address === 'gateway' && entry.gateway === undefined)
          say('address', 'needs gateway beside it, such as 10.0.0.5:80');
        if (entry.address !== 'gateway' && entry.gateway !== undefined) say('gateway', 'is only used where address is gateway');
        if (entry.address === 'sidecar' && entry.sidecarPort === undefined) say('address', 'needs sidecarPort beside it');
        if (entry.address !== 'sidecar' && entry.sidecarPort !== undefined)
          say('sidecarPort', 'is only used where address is sidecar');
        if (entry.sidecarPort !== undefined && INTERCEPTION_PORTS.includes(entry.sidecarPort))
          say('sidecarPort', 'use address: instance: iptables bring calls of its own port here, and others are refused');
        if (Object.keys(entry.metadata).some((key) => key.startsWith('isthmus-')))
          say('metadata', 'names starting with isthmus- are taken');
      }),
  )
  .max(100)
  .default([])
  .describe(
    'The way back: mesh services written into registries, so that callers with an SDK find them. The first entry of a registry that matches counts.',
  );

export const importsSection = z
  .strictObject({
    leaveOut: z
      .array(z.enum(['consul-k8s', 'higress', 'nacos-sync']))
      .max(3)
      .default([])
      .describe(
        'Instances that these bridges copied into a registry are not imported. Isthmus’s own never come back in any case.',
      ),
  })
  .prefault({})
  .describe('What is not taken from registries, whatever they list.');

export function publishConfig(parsed: z.output<typeof publishSection>): readonly PublishConfig[] {
  return parsed.map(({ gateway: gateways, sidecarPort, port, namespace = '', group = '', ttl, ...rest }) => ({
    ...rest,
    sidecarPort,
    port,
    namespace,
    group,
    gateways: (typeof gateways === 'string' ? [gateways] : (gateways ?? [])).map(place),
    ttlMs: ttl,
  }));
}

function place(text: string): { readonly address: string; readonly port: number } {
  const at = text.lastIndexOf(':');
  return { address: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}
