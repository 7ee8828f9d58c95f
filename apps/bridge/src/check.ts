import { formatProblems, loadConfig } from '@isthmus/config';
import { checkIstio, formatIstioProblem } from './istio/check-istio.ts';
import { checkPlans } from './plans/check-plans.ts';
import { registryKinds } from './registries.ts';

/** `isthmus check`: every error of a config, of its plans and of Istio's files, at once. 0: valid, 1: not. */
export async function check(file: string): Promise<number> {
  const result = await loadConfig(file, { kinds: registryKinds });
  if (!result.ok) {
    process.stdout.write(`${formatProblems(result.problems)}\n`);
    return 1;
  }
  const { objects, problems } = await checkIstio(result.config);
  for (const problem of problems) process.stdout.write(`${formatIstioProblem(problem)}\n`);
  const migrations = await checkPlans(result.config);
  for (const problem of migrations.problems) process.stdout.write(`${problem}\n`);
  const ofIstio = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - ofIstio;
  const errors = ofIstio + migrations.problems.length;
  if (errors > 0) {
    process.stdout.write(`${count(errors, 'problem')}${warnings === 0 ? '' : `, ${count(warnings, 'warning')}`}\n`);
    return 1;
  }
  const rules = result.config.istio.from?.kind === 'directory' ? `, ${count(objects, 'object')} of Istio’s` : '';
  const plans = result.config.plans.dir === undefined ? '' : `, ${count(migrations.plans, 'plan')}`;
  process.stdout.write(
    `${file}: valid; ${result.config.registries.length} registries, outputs: ${Object.keys(result.config.outputs).join(', ') || 'none'}${rules}${plans}${warnings === 0 ? '' : `; ${count(warnings, 'warning')}`}\n`,
  );
  return 0;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
