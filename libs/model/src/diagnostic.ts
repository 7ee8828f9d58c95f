/** One code per thing that can be wrong with a record; `docs/diagnostics.md` says more of each. */
export type DiagnosticCode =
  | 'address.hostname'
  | 'address.invalid'
  | 'agent.reports'
  | 'agent.tokens'
  | 'answer.invalid'
  | 'answer.too-large'
  | 'bridge.failed'
  | 'config.reload'
  | 'correction.failed'
  | 'endpoint.duplicate'
  | 'endpoint.evicted'
  | 'eviction.held'
  | 'gateway.conflict'
  | 'host.conflict'
  | 'host.invalid'
  | 'import.left-out'
  | 'import.own'
  | 'import.second-hop'
  | 'instance.overridden'
  | 'istio.duplicate'
  | 'istio.invalid'
  | 'istio.unreadable'
  | 'istio.warning'
  | 'label.changed'
  | 'ledger.damaged'
  | 'ledger.newer'
  | 'ledger.full'
  | 'ledger.no-leader'
  | 'ledger.unreachable'
  | 'listener.unsupported'
  | 'metadata.invalid'
  | 'metadata.too-large'
  | 'origin.too-far'
  | 'output.conflict'
  | 'output.refused'
  | 'output.unwritable'
  | 'plan.callers'
  | 'plan.invalid'
  | 'plan.refused'
  | 'plan.still-listed'
  | 'plan.unknown-target'
  | 'plan.unreadable'
  | 'policy.invalid'
  | 'policy.no-target'
  | 'policy.unreadable'
  | 'port.invalid'
  | 'port.unknown-protocol'
  | 'registry.failed'
  | 'registry.partial'
  | 'registry.unreachable'
  | 'removal.held'
  | 'rule.delegate'
  | 'scope.too-old'
  | 'service.imported'
  | 'service.not-callable'
  | 'service.too-large'
  | 'text.invalid'
  | 'translate.rejected'
  | 'vip.conflict'
  | 'vip.pending'
  | 'weight.clamped'
  | 'weight.invalid'
  | 'workload.not-shared'
  | 'workload.unregistered'
  | 'workloads.unknown';

export type Severity = 'error' | 'warning' | 'info';

/** Invalid input never disappears: it is said on the record, left out of the output, counted, and shown by `isthmus explain`. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  /** `error`: something is left out because of it; `warning`: something was changed; `info`: worth knowing. */
  readonly severity: Severity;
  /** Source, scope, key, instance: `shop/public/DEFAULT_GROUP/orders 10.0.0.1:8080`, or file:line:col. */
  readonly where: string;
  readonly what: string;
  readonly meaning: string;
  readonly remedy: string;
}

export function formatDiagnostic(d: Diagnostic): string {
  return `${d.where}: ${d.what}; ${d.meaning}. Try: ${d.remedy} [${d.code}]`;
}
