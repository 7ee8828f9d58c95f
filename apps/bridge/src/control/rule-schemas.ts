import type { ExplainedDestinationRule, ExplainedRules, ExplainedSidecar, ExplainedVirtualService } from '@isthmus/contract';
import { fields, flag, optional, refs, text, textMap, texts } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

const name = text('namespace/name');
const place = text('file:line:column, or where it is in Kubernetes');

/** Istio's rules, as `explain` tells of them. */
export const RULE_SCHEMAS: Readonly<Record<string, Schema>> = {
  ExplainedRules: fields<ExplainedRules>("Istio's rules in force that concern a host.", {
    virtualServices: refs('ExplainedVirtualService', 'Those that name the host or send to it, delegates merged'),
    destinationRules: refs('ExplainedDestinationRule', 'Those that calls of the host go by'),
    hiddenBy: refs('ExplainedSidecar', 'Sidecars whose workloads do not see the host, unless a rule sends them there'),
    diagnostics: refs('Diagnostic', 'What is wrong with these rules, and what of them cannot be done'),
  }),
  ExplainedVirtualService: fields<ExplainedVirtualService>('A VirtualService that concerns a host.', {
    name,
    place,
    namesHost: flag('The host is one of its hosts'),
    sendsTo: flag('One of its routes sends there'),
    gateways: texts('Where it is in force: mesh, or namespace/name of a Gateway'),
    delegates: texts('namespace/name of the VirtualServices whose routes are in it'),
  }),
  ExplainedDestinationRule: fields<ExplainedDestinationRule>('A DestinationRule that calls of a host go by.', {
    name,
    place: text('Of all that were merged into it, joined by +'),
    callers: texts('Namespaces whose callers go by it; *: all that have no rule of their own'),
    selector: optional(textMap('Only callers with these labels')),
    subsets: texts('Names'),
  }),
  ExplainedSidecar: fields<ExplainedSidecar>('A Sidecar that hides a host.', {
    name,
    place,
    selector: optional(textMap('Only workloads with these labels')),
  }),
};
