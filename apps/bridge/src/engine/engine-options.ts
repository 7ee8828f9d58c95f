import type { KubeClient } from '@isthmus/kube';
import type { Diagnostic, MeshHost } from '@isthmus/model';
import type { Writer } from '@isthmus/registry';
import type { CorrectionAudit } from '../liveness/corrections.ts';
import type { PlanDeskOptions } from '../plans/plan-desk.ts';

/** What an engine is given beside its config and its ledger; all of it has a default. */
export interface EngineOptions {
  /** For the bench: see `SourceDeps.onMessage`. */
  readonly onMessage?: (atMs: number) => void;
  /** With several replicas: who writes into registries. */
  readonly writer?: Writer;
  /** Reads everything and writes into no registry: `isthmus get publications --diff` tells what it would. */
  readonly dryRun?: boolean;
  /** Of the Kubernetes output (`openCluster`). */
  readonly cluster?: KubeClient | undefined;
  /** Every correction that is written into a registry. */
  readonly audit?: (entry: CorrectionAudit) => void;
  /** A bug that was contained, once while it lasts. Default: a warning of the process. */
  readonly onFault?: (fault: Diagnostic, error: unknown) => void;
  /** Hosts whose services were merged again. */
  readonly touched?: (hosts: ReadonlySet<MeshHost>) => void;
  /** Who is told of plans, and what is logged of them. */
  readonly plans?: Pick<PlanDeskOptions, 'fleet' | 'lossyOf' | 'log'>;
}
