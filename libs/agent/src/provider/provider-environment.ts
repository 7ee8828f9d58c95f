import type { InboundOptions } from './inbound-calls.ts';

export interface ProviderEnvironment extends InboundOptions {
  readonly shutdownOn?: readonly NodeJS.Signals[];
}

/**
 * `ISTHMUS_SHUTDOWN_ON=SIGTERM,SIGINT`, `ISTHMUS_PROBE_PATHS=/health,/metrics`, `ISTHMUS_PROXIES=10.0.0.9`.
 * @throws {Error} for a value that cannot be meant
 */
export function readProvider(env: Readonly<Record<string, string | undefined>>): ProviderEnvironment {
  const shutdownOn = listOf(env['ISTHMUS_SHUTDOWN_ON']);
  for (const signal of shutdownOn)
    if (!/^SIG(TERM|INT|HUP|QUIT|USR2)$/.test(signal))
      throw new Error(
        `ISTHMUS_SHUTDOWN_ON has ${signal}, which ends no process in order; name SIGTERM, SIGINT, SIGHUP, SIGQUIT or SIGUSR2`,
      );
  const probePaths = listOf(env['ISTHMUS_PROBE_PATHS']);
  for (const path of probePaths)
    if (!path.startsWith('/')) throw new Error(`ISTHMUS_PROBE_PATHS has ${path}, which does not begin with /`);
  return { shutdownOn: shutdownOn as NodeJS.Signals[], probePaths, proxies: listOf(env['ISTHMUS_PROXIES']) };
}

function listOf(text = ''): readonly string[] {
  return text.split(',').map((part) => part.trim()).filter((part) => part !== ''); // prettier-ignore
}
