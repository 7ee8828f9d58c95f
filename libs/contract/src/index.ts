export { API_PREFIX, DEFAULT_CONTROL_URL } from './paths.ts';
export type {
  ConflictView,
  EndpointView,
  HeldView,
  RetainedView,
  ServiceDetail,
  ServiceView,
  SourceState,
  SourceView,
} from './catalog-views.ts';
export type {
  ExplainAnswer,
  ExplainedDestinationRule,
  ExplainedHost,
  ExplainedOrigin,
  ExplainedPlan,
  ExplainedProcess,
  ExplainedRules,
  ExplainedSidecar,
  ExplainedVirtualService,
  ExplainedWithdrawal,
  LeftOut,
  PublishedResource,
} from './explain.ts';
export type { CorrectionView, DifferenceView, DiffView } from './liveness-views.ts';
export type { ReplicaView } from './replica-view.ts';
export type { ItemList, DiagnosticList, Problem, ReleaseAnswer } from './envelopes.ts';
export type { OutputPlanList, OutputView } from './output-views.ts';
export type { PublicationChangeView, PublicationDiff, PublicationList, PublicationView, SinkView } from './publication-views.ts';
export type {
  ConfiguredResource,
  ProxyConfigView,
  ProxyList,
  ProxyNack,
  ProxySettingsView,
  ProxyTypeView,
  ProxyView,
  ProxyWorkloadView,
  RejectedProxyView,
} from './proxy-views.ts';
export type { AgentPlan, AgentTarget } from './agent-plan.ts';
export type {
  AgentDiagnosticReport,
  AgentReport,
  ArmReport,
  BreakerReport,
  LiftedPolicy,
  ProviderReport,
  RegistrationReport,
  SdkViewReport,
  TargetReport,
} from './agent-report.ts';
export type {
  AgentHello,
  AgentStreamEvent,
  AgentStreamPlan,
  AgentTargetChange,
  TargetEndpoints,
  TargetViewHash,
  ViewEndpoint,
  WithdrawnRegistrations,
} from './agent-stream.ts';
export type { PlanAuditView, PlanChangeView, PlanDetail, PlanGateView, PlanProofView, PlanView } from './plan-views.ts';
export type { AgentTargetView, AgentView, LiftFieldView, LiftView, PolicyView, ReportedPolicy } from './agent-views.ts';
export type { ShadowDivergenceView, ShadowView } from './shadow-views.ts';
