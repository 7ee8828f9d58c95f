import { formatListen } from '@isthmus/config';
import type { Diagnostic } from '@isthmus/model';
import type { BridgeConfig } from './bridge-config.ts';

/** What a changed config says of sockets and files that are opened once. */
export function needsRestart(before: BridgeConfig, after: BridgeConfig): readonly Diagnostic[] {
  const bound = (config: BridgeConfig) => JSON.stringify([config.outputs, config.control, config.ledger, config.roles]);
  if (bound(before) === bound(after)) return [];
  return [
    {
      code: 'config.reload',
      severity: 'warning',
      where: after.file,
      what: 'outputs, control, ledger or roles changed',
      meaning: `the bridge still listens where it did (control at ${formatListen(before.control.listen)}); everything else of the new config is in force`,
      remedy: 'restart the bridge to use the new addresses; proxies keep what they have meanwhile',
    },
  ];
}
