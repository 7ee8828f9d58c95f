import type { IstioObject } from '../istio-files.ts';

/** One kind of call, and the rule that it shows. */
export interface RuleCase {
  /** A sentence about what happens. */
  readonly name: string;
  /** `http` of a VirtualService for the host of the case; left out: no rule. Subsets are named as the instances. */
  readonly http?: readonly object[];
  /** Of a DestinationRule for the host of the case. */
  readonly policy?: object;
  /** Whose the service is; default all three. */
  readonly instances?: readonly string[];
  /** Further objects. */
  readonly more?: readonly IstioObject[];
  readonly call?: CaseCall;
  /** How many times; default 1. */
  readonly times?: number;
  /** Each time a header of its own. */
  readonly each?: { readonly header: string; readonly values: readonly string[] };
  /** Shares in percent by who answers (or by status): compared within what chance may do. Without: every outcome is compared. */
  readonly shares?: Readonly<Record<string, number>>;
  /** Which instance is tried first is chance, or the text of a refusal is ours: how often who answered is compared, not each request. */
  readonly isChance?: boolean;
  /** Ejections are Envoy's main thread's affair: it is asked something after each call, so that it has dealt with the one before. */
  readonly ejects?: boolean;
  /** Who answers behind istiod, where that is another by design. */
  readonly istiodBy?: string;
  /** What at least must be so, so that two empty outcomes prove nothing: the first call's status, and attempts at the instances. */
  readonly expects: { readonly status: number; readonly by?: string; readonly attempts?: number };
}

export interface CaseCall {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the case's own; `$HOST` is that, in capitals. */
  readonly host?: string;
}

/** The host of the case that is being made: stands in its rules. */
export const HOST = '$HOST';

export const to = (subset: string, more: object = {}): object => ({ destination: { host: HOST, subset }, ...more });
export const route = (subset: string, more: object = {}): object => ({ route: [to(subset)], ...more });
export const on = (match: object, subset: string, more: object = {}): object => ({ match: [match], ...route(subset, more) });
