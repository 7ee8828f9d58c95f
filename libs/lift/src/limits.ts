/** Policies of a file are some hundred bytes each. */
export const MOST_POLICY_BYTES = 1024 * 1024;
export const MOST_POLICIES = 5_000;
