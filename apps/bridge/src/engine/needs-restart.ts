import { formatListen } from '@isthmus/config';
import type { Diagnostic } from '@isthmus/model';
import type { BridgeConfig } from './bridge-config.ts';

/** What a changed config says of what is opened once: sockets, files, whom there are names for. @param started the config at the start */
export function needsRestart(started: BridgeConfig, changed: BridgeConfig): readonly Diagnostic[] {
  return [...meshIdStays(started, changed), ...domainStays(started, changed), ...boundStays(started, changed)];
}

/** The changed config as far as it can be in force: what an output is not opened or closed for is served as before. */
export function withoutRestart(started: BridgeConfig, changed: BridgeConfig): BridgeConfig {
  const { xds } = started.outputs;
  const { runtime = {}, unhealthy = 'leaveOut' } = changed.outputs.xds ?? {};
  return {
    ...changed,
    meshId: started.meshId,
    outputs: { ...started.outputs, ...(xds !== undefined && { xds: { ...xds, runtime, unhealthy } }) },
    istio: { ...changed.istio, domain: started.istio.domain },
  };
}

/** It marks what this bridge wrote into registries and clusters: under another one its own entries would be somebody else's. */
function* meshIdStays({ meshId }: BridgeConfig, changed: BridgeConfig): Generator<Diagnostic> {
  if (changed.meshId === meshId) return;
  yield {
    code: 'config.reload',
    severity: 'warning',
    where: changed.file,
    what: `meshId is ${JSON.stringify(changed.meshId)} now, and stays ${JSON.stringify(meshId)} in the bridge that runs`,
    meaning:
      'what the bridge has published under the old one would be taken for the services of another mesh; all else is in force',
    remedy: `restart the bridge, which withdraws nothing of the old mesh; or set meshId back to ${meshId}`,
  };
}

/** Proxies have it in their ids, and every short name in a rule ends in it: half of them would mean other services than the other half. */
function* domainStays({ istio: { domain } }: BridgeConfig, { file, istio }: BridgeConfig): Generator<Diagnostic> {
  if (istio.domain === domain) return;
  yield {
    code: 'config.reload',
    severity: 'warning',
    where: file,
    what: `istio.domain is ${JSON.stringify(istio.domain)} now, and stays ${JSON.stringify(domain)} in the bridge that runs`,
    meaning:
      'every short name of a rule would mean another service while proxies still have the old domain; all else is in force',
    remedy: `restart the bridge, and proxies with ids that end in the new domain; or set istio.domain back to ${domain}`,
  };
}

function* boundStays(started: BridgeConfig, changed: BridgeConfig): Generator<Diagnostic> {
  if (bound(started) === bound(changed)) return;
  yield {
    code: 'config.reload',
    severity: 'warning',
    where: changed.file,
    what: 'outputs, control, ledger, roles, plans or who may be an agent changed',
    meaning: `the bridge still listens where it did (control at ${formatListen(started.control.listen)}); everything else of the new config is in force`,
    remedy: 'restart the bridge to use them; proxies keep what they have meanwhile',
  };
}

function bound({ outputs, control, ledger, roles, plans, agents: { tokensFile, open } }: BridgeConfig): string {
  const xds = outputs.xds === undefined ? undefined : { ...outputs.xds, runtime: undefined, unhealthy: undefined }; // are taken at once
  return JSON.stringify([{ ...outputs, xds }, control, ledger, roles, plans, tokensFile, open]);
}
