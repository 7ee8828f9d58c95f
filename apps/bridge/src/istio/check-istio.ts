import type { Diagnostic } from '@isthmus/model';
import { IstioConfigStore } from '@isthmus/policy';
import { Rules } from '../mesh/rules.ts';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import { meshOptions } from './mesh-options.ts';
import { openDirectory } from './open-istio-config.ts';

export interface IstioCheck {
  readonly objects: number;
  /** Errors first, each list by place. */
  readonly problems: readonly Diagnostic[];
}

/** All that is wrong with the files of `istio.dir`; what is in a cluster is not looked at. */
export async function checkIstio({ istio }: BridgeConfig): Promise<IstioCheck> {
  const store = new IstioConfigStore();
  if (istio.from?.kind !== 'directory') return { objects: 0, problems: [] };
  await openDirectory(istio.from.dir, istio.namespace, store).scan();
  const rules = new Rules(meshOptions(istio));
  for (const after of store.objects()) rules.take({ before: undefined, after });
  const problems = [...store.diagnostics(), ...rules.diagnostics()];
  const errors = problems.filter(({ severity }) => severity === 'error');
  return {
    objects: [...store.objects()].length,
    problems: [...errors, ...problems.filter((problem) => !errors.includes(problem))],
  };
}

/** In the form of the config's own problems; a warning says that it is one. */
export function formatIstioProblem({ severity, where, what, meaning, remedy }: Diagnostic): string {
  return `${where}: ${severity === 'error' ? '' : 'warning: '}${what}\n    why: ${meaning}\n    try: ${remedy}`;
}
