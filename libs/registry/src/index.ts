export { buildEndpoint, printable } from './build-endpoint.ts';
export type { BuiltEndpoint, RawInstance } from './build-endpoint.ts';
export { buildRecord } from './build-record.ts';
export type { DeclaredService, RecordResult } from './build-record.ts';
export { clockSkew } from './clock-skew.ts';
export { clientTlsField, durationField, registryName, serviceFilterField } from './config-fields.ts';
export { applicationEndpoints, isDubboApplication } from './dubbo/dubbo-endpoints.ts';
export { dubboMetadata, dubboWeight, instanceOfProvider, isDubboDisabled } from './dubbo/dubbo-instance.ts';
export { concerns, overridden, overrideOf } from './dubbo/dubbo-override.ts';
export type { DubboOverride } from './dubbo/dubbo-override.ts';
export { meshProtocol } from './dubbo/dubbo-protocol.ts';
export { dubboCategory, dubboServiceName } from './dubbo/dubbo-service.ts';
export type { DubboService } from './dubbo/dubbo-service.ts';
export { parseDubboUrl } from './dubbo/dubbo-url.ts';
export type { DubboUrl } from './dubbo/dubbo-url.ts';
export { eachLimited } from './each-limited.ts';
export { EventChannel } from './event-channel.ts';
export { serviceRead } from './known-service.ts';
export type { ServiceRead } from './known-service.ts';
export { guardImports, importable } from './import-guard.ts';
export type { ImportRules } from './import-guard.ts';
export { LeaseSink } from './lease-sink.ts';
export { FOREIGN_COPIES, marksOf, marksToMetadata, withoutMarks } from './marks.ts';
export type { ForeignCopy, Marks } from './marks.ts';
export { meshHostName } from './mesh-host-name.ts';
export type { CorrectionOutcome, CorrectionTarget, RegistryCorrector } from './registry-corrector.ts';
export { scopeDiagnostic } from './registry-kind.ts';
export type {
  ConfigPlace,
  ConfigText,
  ConfigWatcher,
  Finding,
  LedgerPlace,
  RegistryKind,
  SinkKind,
  SourceDeps,
  Subscriber,
} from './registry-kind.ts';
export { alwaysWriter, publicationId } from './registry-sink.ts';
export type {
  ListedEntry,
  Publication,
  PublicationState,
  PublishedInstance,
  PublishedName,
  RegistrySink,
  SinkChange,
  SinkEntry,
  SinkSession,
  SinkStatus,
  SinkWire,
  SinkWireDeps,
  Writer,
} from './registry-sink.ts';
export { serviceFilter } from './registry-source.ts';
export type { RegistrySource, ServiceFilter } from './registry-source.ts';
export { ScopeView } from './scope-view.ts';
export { writtenPublications } from './sink-book.ts';
export { sourceEvents } from './source-events.ts';
export { readSecret } from './secret.ts';
export type { SecretRef } from './secret.ts';
export { ServiceEntryHost } from './service-entry-host.ts';
export { isTooFar, selects, serviceEntryRecord } from './service-entry-record.ts';
export type { PlainPort, PlainServiceEntry, PlainWorkload } from './service-entry-record.ts';
