import type { Decision } from '../../decision-table.ts';
import type { AgentDiagnostic } from '../../diagnostics.ts';
import type { ClientSeam } from '../client-seam.ts';

/** The agent as a client's seam sees it: decisions of a test, and what was said. */
export interface RecordedSeam extends ClientSeam {
  readonly said: AgentDiagnostic[];
  decision: (host: string, port: number) => Decision;
}

/** Moves calls to `instance` to the egress as those to `orders:80`. */
export function recordedSeam(egress: number, instance: number, more: { readonly originatesTls?: boolean } = {}): RecordedSeam {
  const said: AgentDiagnostic[] = [];
  const sidecar: Decision = { kind: 'sidecar', rung: 'traffic', authority: 'orders:80', ...more };
  const seam: RecordedSeam = {
    said,
    egress: { host: '127.0.0.1', port: egress },
    decision: (_host, port) => (port === instance ? sidecar : { kind: 'sdk' }),
    decide: (host, port) => seam.decision(host, port),
    failed: () => undefined,
    diagnostics: { report: (one) => void said.push(one) },
  };
  return seam;
}
