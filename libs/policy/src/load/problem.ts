import type { ConfigPath, ConfigProblem } from '@isthmus/config';

/** One thing wrong in an object of Istio's, before its place is known. */
export interface Issue {
  /** `warning`: Istio takes the object too, and says so. */
  readonly severity: 'error' | 'warning';
  /** Keys and indexes within the spec as users write them: `['http', 0, 'timeout']`. */
  readonly path: ConfigPath;
  /** The path starts in the metadata instead. */
  readonly inMetadata?: boolean;
  /** Without the name of the field: `is 0s, which is shorter than 1ms`. */
  readonly what: string;
  readonly remedy: string;
}

/** An issue at its place in a file. */
export interface Problem extends ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** `VirtualService shop/orders`; undefined where the file as a whole is meant. */
  readonly object?: string;
  /** Where it is instead of in a file: `k8s VirtualService shop/orders`. */
  readonly place?: string;
}

/** Most problems of one file that are told: what is wrong in a thousand places is one mistake. */
export const MOST_PROBLEMS = 200;
