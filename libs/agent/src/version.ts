/** Of this package; the one of the repository's `package.json` (version.test.ts). */
export const AGENT_VERSION = '0.1.0';
