import type { ConfigProblem } from '@isthmus/config';
import type { Diagnostic } from '@isthmus/model';

const STAYS = 'what its agents were told before stays in force';

/** What is wrong with plans, for `isthmus get diagnostics`. */
export const planDiagnostic = {
  invalid: ({ file, line, column, what, remedy }: ConfigProblem): Diagnostic => ({
    code: 'plan.invalid',
    severity: 'error',
    where: `${file}:${line}:${column}`,
    what,
    meaning: 'the plan is not taken; the last good one of its name stays in force',
    remedy,
  }),
  unreadable: (dir: string, what: string): Diagnostic => ({
    code: 'plan.unreadable',
    severity: 'error',
    where: dir,
    what,
    meaning: STAYS,
    remedy: 'correct `plans.dir`, or make the directory and its rights',
  }),
  unreadableRow: (name: string, origin: 'file' | 'api'): Diagnostic => ({
    code: 'plan.unreadable',
    severity: 'error',
    where: `plan ${name}`,
    what: 'this version does not understand what the ledger has of it',
    meaning: 'its agents are told nothing of it, and are at sdk',
    remedy: origin === 'file' ? 'correct its file' : 'apply it again, or run the version of the bridge that wrote it',
  }),
  refused: (name: string, place: string, why: string, remedy: string): Diagnostic => ({
    code: 'plan.refused',
    severity: 'error',
    where: place,
    what: `plan ${name} is refused: ${why}`,
    meaning: STAYS,
    remedy,
  }),
  overlap: (name: string, other: string, host: string): Diagnostic => ({
    code: 'plan.refused',
    severity: 'error',
    where: `plan ${name}`,
    what: `plan ${other} has ${host} already for one of its consumers`,
    meaning: 'agents are told of the other plan alone: with two, nobody could say where a call is',
    remedy: 'delete one of the two, or give them different consumers',
  }),
  stillListed: (name: string, what: readonly string[]): Diagnostic => ({
    code: 'plan.still-listed',
    severity: 'warning',
    where: `plan ${name}`,
    what: what.join('; '),
    meaning:
      'callers that find it by their SDK still do; the agents of its providers deregister it again, each at most every 2 to 60 s, until it is gone',
    remedy:
      'if it does not go, look for who registers it: a process without an agent, or a Eureka that replicates to itself (docs/facts.md)',
  }),
  unknownTarget: (name: string, target: string): Diagnostic => ({
    code: 'plan.unknown-target',
    severity: 'warning',
    where: `plan ${name}`,
    what: `its target ${target} is in no registry`,
    meaning: 'the plan waits; its consumers are at sdk',
    remedy: `isthmus get services tells what there is; isthmus explain ${target.split(':')[0]}`,
  }),
};
