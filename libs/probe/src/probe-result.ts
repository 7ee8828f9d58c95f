/** What one check found. */
export type ProbeResult = { readonly healthy: true } | { readonly healthy: false; readonly reason: string };
