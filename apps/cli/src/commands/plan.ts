import type { ItemList, PlanAuditView, PlanChangeView, PlanDetail, PlanView } from '@isthmus/contract';
import { COMMANDS, readMigrations } from '@isthmus/plans';
import type { PlanCommand } from '@isthmus/plans';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, readText, withControl, withOutput, writeClient } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { auditColumns, planColumns, renderPlan, renderPlanChange } from '../render/plans.ts';
import { print } from '../render/print.ts';
import { renderTable } from '../render/table.ts';

interface WriteOptions extends ReadOptions {
  readonly file?: string;
  readonly dryRun?: true;
}

const ABOUT: Readonly<Record<PlanCommand, string>> = {
  pause: 'Hold a plan where it is.',
  resume: 'Let a paused plan go on; begin one again that was rolled back.',
  promote: 'Take the next step now: the gate of this one is not waited for, what the next one needs is.',
  rollback: 'Bring a plan’s consumers back to their SDK at once.',
};

export function addPlan(program: Command, io: Io): void {
  const plan = program
    .command('plan')
    .description('Migration plans: apply them, see where they are, steer them.')
    .addHelpText(
      'after',
      `
Examples:
  isthmus plan apply -f orders.yaml --dry-run    what would happen
  isthmus plan apply -f orders.yaml
  isthmus plan get orders                        where it is, and what it waits for
  isthmus plan get orders --audit                what happened to it
  isthmus plan rollback orders                   back to the SDK, now

Writes need the admin token. Exit code 1: not valid, refused, or there is no such plan.`,
    );
  addApply(plan, io);
  addGetPlan(plan, io);
  for (const command of COMMANDS) addSteer(plan, io, command);
  addDelete(plan, io);
}

function addApply(plan: Command, io: Io): void {
  const command = plan
    .command('apply')
    .description('Create plans, or change their specs: all of a file, or nothing of it.')
    .requiredOption('-f, --file <file>', 'YAML file with Migration documents')
    .option('--dry-run', 'say what would happen, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  isthmus plan apply -f orders.yaml --dry-run
  isthmus plan apply -f orders.yaml

Steps that are as they were keep their passed gates; from the first that differs on, the plan runs again. A plan that a
file in plans.dir owns is changed there.`,
    );
  withOutput(withControl(command, io)).action(async (options: WriteOptions & { file: string }) => {
    const query = `?file=${encodeURIComponent(options.file)}${options.dryRun === true ? '&dryRun=true' : ''}`;
    const text = readText(io, options.file, '--file');
    tell(io, options, (await writeClient(options, io).post<ItemList<PlanChangeView>>(`/plans${query}`, text)).items);
  });
}

function addGetPlan(plan: Command, io: Io): void {
  const command = plan
    .command('get')
    .description('Where plans are; of one plan also what it waits for.')
    .argument('[name]', 'only this plan')
    .option('--audit', 'what happened to it, the newest first')
    .addHelpText(
      'after',
      `
Examples:
  isthmus plan get
  isthmus plan get orders
  isthmus plan get orders --audit`,
    );
  withOutput(withControl(command, io)).action(async (name: string | undefined, options: ReadOptions & { audit?: true }) => {
    const client = readClient(options, io);
    if (name === undefined) {
      if (options.audit === true) throw new CliError(EXIT.usage, 'name the plan whose audit it shall be.');
      const list = await client.get<ItemList<PlanView>>('/plans');
      if (list.items.length > 0 || options.output !== 'table')
        print(io, options.output, list, () => renderTable(planColumns(io.now()), list.items));
      else io.stderr.write('no plans\n');
      return;
    }
    const path = `/plans/${encodeURIComponent(name)}`;
    if (options.audit === true) {
      const audit = await client.get<ItemList<PlanAuditView>>(`${path}/audit`);
      print(io, options.output, audit, () => renderTable(auditColumns, audit.items));
      return;
    }
    const detail = await client.get<PlanDetail>(path);
    print(io, options.output, detail, () => renderPlan(detail, io.now()));
  });
}

function addSteer(plan: Command, io: Io, asked: PlanCommand): void {
  const command = named(plan, asked, ABOUT[asked], asked === 'rollback' ? ROLLBACK : '');
  withOutput(withControl(command, io)).action(async (name: string | undefined, options: WriteOptions) => {
    const client = writeClient(options, io);
    const dry = options.dryRun === true ? '?dryRun=true' : '';
    for (const one of namesOf(io, name, options))
      tell(io, options, (await client.post<ItemList<PlanChangeView>>(`/plans/${encodeURIComponent(one)}/${asked}${dry}`)).items);
  });
}

const ROLLBACK = `

Every connected agent hears of it at once. Agents that are not connected are named: they keep their last plan until
they are, or until its lease is over.`;

function addDelete(plan: Command, io: Io): void {
  const command = named(plan, 'delete', 'Delete a plan: its consumers go back to their SDK.', '');
  withOutput(withControl(command, io)).action(async (name: string | undefined, options: WriteOptions) => {
    const client = writeClient(options, io);
    const dry = options.dryRun === true ? '?dryRun=true' : '';
    for (const one of namesOf(io, name, options))
      tell(io, options, (await client.delete<ItemList<PlanChangeView>>(`/plans/${encodeURIComponent(one)}${dry}`)).items);
  });
}

function named(plan: Command, verb: string, about: string, more: string): Command {
  return plan
    .command(verb)
    .description(about)
    .argument('[name]', 'the plan')
    .option('-f, --file <file>', 'the plans of this file')
    .option('--dry-run', 'say what would happen, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  isthmus plan ${verb} orders --dry-run
  isthmus plan ${verb} orders
  isthmus plan ${verb} -f orders.yaml${more}`,
    );
}

function namesOf(io: Io, name: string | undefined, { file }: WriteOptions): readonly string[] {
  if ((name === undefined) === (file === undefined)) throw new CliError(EXIT.usage, 'give the name of a plan, or -f FILE.');
  if (name !== undefined || file === undefined) return [name ?? ''];
  const { plans, problems, refused } = readMigrations(file, Buffer.from(readText(io, file, '--file')));
  const names = [...plans.map(({ migration }) => migration.name), ...refused];
  // A plan with a mistake in it can be rolled back all the same; a text without a name cannot.
  if (names.length > 0) return names;
  const [first] = problems;
  throw new CliError(
    EXIT.found,
    first === undefined ? `${file} has no plan` : `${file}:${first.line}:${first.column}: ${first.what}`,
  );
}

function tell(io: Io, { output }: WriteOptions, items: readonly PlanChangeView[]): void {
  print(io, output, { items }, () => items.map(renderPlanChange).join(''));
}
