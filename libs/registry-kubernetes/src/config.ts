import { durationField, registryName, serviceFilterField } from '@isthmus/registry';
import { z } from 'zod';

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

const domain = z.string().max(200).regex(DNS_NAME, 'use a lower-case DNS name such as cluster.local');

export const kubernetesSchema = z.strictObject({
  name: registryName,
  kind: z.literal('kubernetes').describe('Services, EndpointSlices and Pods of a Kubernetes cluster.'),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe('Kubeconfig, relative to the config file. Default: the service account of the Pod, else as kubectl does it.'),
  context: z.string().min(1).optional().describe('Context of the kubeconfig; default: its current one.'),
  namespaces: z
    .array(z.union([z.literal('*'), z.string().regex(DNS_LABEL, 'use names of namespaces, or "*" alone for all')]))
    .min(1)
    .max(100)
    .refine((names) => names.length === 1 || !names.includes('*'), { error: '"*" stands for all namespaces: name no others' })
    .default(['*'])
    .describe('Namespaces to read. Named ones need rights in them only. Default: all.'),
  labelSelector: z.string().min(1).max(1_024).optional().describe('Only Services with these labels, as kubectl takes it.'),
  services: serviceFilterField.describe('Which Services to read, by namespace/name.'),
  workloads: z.boolean().default(true).describe('Read Pods: labels, identities, and who is behind an address. Default true.'),
  clusterDomain: domain.default('cluster.local').describe('DNS domain of the cluster, end of every host. Default cluster.local.'),
  trustDomain: domain
    .default('cluster.local')
    .describe('Of the mesh, in identities of Pods that are in it. Default cluster.local.'),
  clusterId: z.string().min(1).max(253).default('Kubernetes').describe('Istio’s id of the cluster. Default Kubernetes.'),
  timeout: durationField(10, 300_000).prefault('15s').describe('Longest time that an answer may take. Default 15s.'),
  heartbeat: durationField(10, 300_000)
    .prefault('5s')
    .describe('How often a server whose watches are quiet is asked whether it is alive. Default 5s.'),
  resync: durationField(1_000, 24 * 3_600_000)
    .prefault('30m')
    .describe('How often everything is listed again, in case a watch lost something. Default 30m.'),
});

export type KubernetesConfig = z.output<typeof kubernetesSchema>;
