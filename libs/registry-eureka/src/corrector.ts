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

  async function call(method: 'PUT' | 'DELETE', value: string, { name, instanceId }: Place, signal: AbortSignal) {
    const opened = (writer ??= EurekaWriter.open(config, baseDir, attempt));
    try {
      const path = `/apps/${encodeURIComponent(name.toUpperCase())}/${encodeURIComponent(instanceId)}/status`;
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
    disable: (target, signal) => call('PUT', 'OUT_OF_SERVICE', placeOf(target), signal),
    // Without `value` an instance is UNKNOWN until its next renewal.
    enable: (target, signal) => call('DELETE', 'UP', placeOf(target), signal),
    mayCorrect: async ({ name }, signal) => {
      const nobody = { name, instanceId: 'isthmus-is-asking' };
      await call('PUT', 'OUT_OF_SERVICE', nobody, signal);
      await call('DELETE', 'UP', nobody, signal);
    },
    close: () => {
      void writer?.then(
        (open) => open.close(),
        () => undefined,
      );
    },
  };
}

interface Place {
  readonly name: string;
  readonly instanceId: string;
}

function placeOf({ key, endpoint }: CorrectionTarget): Place {
  return { name: key.name, instanceId: endpoint.instanceId };
}
