/**
 * Whether this process may write to the outside (sinks, Kubernetes): with several replicas only the leader does. Ask
 * `isWriter` right before every write: a process that was paused is told by its clock, not by an event.
 */
export interface Writer {
  isWriter(): boolean;
  /** Calls back when the answer changes, with the new answer. Returns how to stop that. */
  onChange(callback: (isWriter: boolean) => void): () => void;
}

/** One replica: it always writes. */
export const soleWriter: Writer = { isWriter: () => true, onChange: () => () => undefined };
