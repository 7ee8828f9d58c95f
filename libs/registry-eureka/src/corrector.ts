import type { CorrectionOutcome, CorrectionTarget, RegistryCorrector } from '@isthmus/registry';
import type { EurekaConfig } from './config.ts';
import { EurekaWriter } from './writer.ts';

/**
 * Takes instances out with a status override (`OUT_OF_SERVICE`), which outlives the instance's renewals and is replicated
 * to the peers; removing the override lets the instance's own status count again.
 */
export function eurekaCorrector(config: EurekaConfig, baseDir: string): RegistryCorrector {
  let writer: Promise<EurekaWriter> | undefined;
  let attempt = 0;

  async function call(method: 'PUT' | 'DELETE', value: string, target: CorrectionTarget, signal: AbortSignal) {
    const opened = (writer ??= EurekaWriter.open(config, baseDir, attempt));
    try {
      const { key, endpoint } = target;
      const path = `/apps/${encodeURIComponent(key.name.toUpperCase())}/${encodeURIComponent(endpoint.instanceId)}/status`;
      const { status } = await (await opened).call(method, `${path}?value=${value}`, undefined, [404], signal);
      return status === 404 ? 'absent' : ('done' satisfies CorrectionOutcome);
    } catch (thrown) {
      attempt += 1; // the next call asks the next server
      writer = undefined;
      void opened.then(
        (failed) => failed.close(),
        () => undefined,
      );
      throw thrown;
    }
  }

  return {
    disable: (target, signal) => call('PUT', 'OUT_OF_SERVICE', target, signal),
    // Without `value` an instance is UNKNOWN until its next renewal.
    enable: (target, signal) => call('DELETE', 'UP', target, signal),
    close: () => {
      void writer?.then(
        (open) => open.close(),
        () => undefined,
      );
    },
  };
}
