import { createRegistry } from '@bufbuild/protobuf';
import * as discovery from './discovery.ts';
import * as envoy from './envoy.ts';
import * as istio from './istio.ts';
import type { DescMessage, Registry } from '@bufbuild/protobuf';

/** Every message that may be inside an Any: `toJson` and `fromJson` need it to look into typed_config. */
export const typeRegistry: Registry = createRegistry(
  ...[discovery, envoy, istio].flatMap((area) => Object.values<unknown>({ ...area }).filter(isMessage)),
);

function isMessage(value: unknown): value is DescMessage {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'message';
}
