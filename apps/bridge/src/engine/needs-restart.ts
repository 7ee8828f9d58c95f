import { formatListen } from '@isthmus/config';
import type { Diagnostic } from '@isthmus/model';
import type { BridgeConfig } from './bridge-config.ts';

/** What a changed config says of what is opened once: sockets, files, whom there are names and objects for. */
export function needsRestart(before: BridgeConfig, after: BridgeConfig): readonly Diagnostic[] {
  const bound = ({ outputs, control, ledger, roles, istio, plans, agents: { tokensFile, open } }: BridgeConfig) => {
    const xds = outputs.xds === undefined ? undefined : { ...outputs.xds, runtime: undefined }; // is taken at once
    // Names of nodes end in the domain, and the outputs have objects in callers' namespaces.
    const { domain, callerNamespaces } = istio;
    return JSON.stringify([{ ...outputs, xds }, control, ledger, roles, domain, callerNamespaces, plans, tokensFile, open]);
  };
  if (bound(before) === bound(after)) return [];
  return [
    {
      code: 'config.reload',
      severity: 'warning',
      where: after.file,
      what: 'outputs, control, ledger, roles, plans, istio.domain, istio.callerNamespaces or who may be an agent changed',
      meaning: `the bridge still listens where it did (control at ${formatListen(before.control.listen)}); everything else of the new config is in force`,
      remedy: 'restart the bridge to use them; proxies keep what they have meanwhile',
    },
  ];
}
