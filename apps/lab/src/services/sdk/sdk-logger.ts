import { Logger } from '@nestjs/common';

/** How long the same line is not written again; milliseconds. */
const quietMs = 60_000;
const rememberedLines = 100;

/**
 * A logger for the registries' clients: they log every heartbeat as `info` and, while a registry is away, every attempt as an error.
 * What a service's owner wants is the first line of each kind.
 */
export function sdkLogger(
  name: string,
  logger: Pick<Logger, 'warn' | 'error'> = new Logger(name),
  now: () => number = Date.now,
): typeof console {
  const lastAt = new Map<string, number>();
  const quiet = (): void => undefined;
  const once =
    (write: (line: string) => void) =>
    (...values: readonly unknown[]): void => {
      const line = values.map((value) => (value instanceof Error ? value.message : String(value))).join(' ');
      const last = lastAt.get(line);
      if (last !== undefined && now() - last < quietMs) return;
      if (lastAt.size >= rememberedLines) lastAt.clear();
      lastAt.set(line, now());
      write(line);
    };
  return {
    ...console,
    debug: quiet,
    info: quiet,
    log: quiet,
    warn: once((line) => logger.warn(line)),
    error: once((line) => logger.error(line)),
  };
}
