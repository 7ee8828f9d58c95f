import type { ReleaseAnswer } from '@isthmus/contract';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { withControl, writeClient } from '../options.ts';
import type { ControlOptions } from '../options.ts';
import { terminalSafe } from '../terminal-safe.ts';

export function addReleaseHeld(program: Command, io: Io): void {
  const command = program
    .command('release-held')
    .description('Let a held mass deletion through: the endpoints that a registry no longer lists go at once.')
    .argument('<scope>', 'the scope as `isthmus get held` prints it')
    .addHelpText(
      'after',
      `
Examples:
  isthmus get held
  isthmus release-held shop/public/DEFAULT_GROUP

A removal of more than guard.maxRemovalPercent of a scope is held until a second complete read confirms it.
Release it only when you know that those instances are gone. It is a write: it needs the admin token.`,
    );
  withControl(command, io).action(async (scope: string, options: ControlOptions) => {
    const { released } = await writeClient(options, io).post<ReleaseAnswer>(`/held/${encodeURIComponent(scope)}/release`);
    io.stdout.write(`released ${released} ${released === 1 ? 'endpoint' : 'endpoints'} of ${terminalSafe(scope)}\n`);
  });
}
