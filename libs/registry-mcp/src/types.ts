import type { TypeUrl } from '@isthmus/model';

/** The types that are read, in both spellings: servers know the one or the other. The first wins where both are given. */
export const SERVICE_ENTRY: readonly TypeUrl[] = [
  'networking.istio.io/v1/ServiceEntry',
  'networking.istio.io/v1alpha3/ServiceEntry',
];
export const WORKLOAD_ENTRY: readonly TypeUrl[] = [
  'networking.istio.io/v1/WorkloadEntry',
  'networking.istio.io/v1alpha3/WorkloadEntry',
];
export const TYPES: readonly TypeUrl[] = [...SERVICE_ENTRY, ...WORKLOAD_ENTRY];
