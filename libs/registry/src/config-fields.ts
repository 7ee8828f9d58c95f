import { formatDuration, parseDuration, parseSourceId } from '@isthmus/model';
import { z } from 'zod';

/** Fields that every registry's config entry has; spread into its strict object. */

export const registryName = z
  .string()
  .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'use 1 to 63 lower-case letters, digits and dashes')
  .transform((name) => parseSourceId(name))
  .describe('Name of this registry in ids, messages and plans.');

export const serviceFilterField = z
  .strictObject({
    include: z.array(z.string().min(1)).default(['*']).describe('Service names to read; * stands for any characters.'),
    exclude: z.array(z.string().min(1)).default([]).describe('Service names to leave out; wins over include.'),
  })
  .prefault({})
  .describe('Which services to read.');

/** Certificates for TLS to a registry; paths are relative to the config file. */
export const clientTlsField = z
  .strictObject({
    caFile: z.string().min(1).optional().describe('PEM file with the authorities to trust; default: the system’s.'),
    certFile: z.string().min(1).optional().describe('PEM file with our certificate.'),
    keyFile: z.string().min(1).optional().describe('PEM file with its key.'),
    serverName: z.string().min(1).optional().describe('Name to expect in the server’s certificate; default: the host dialled.'),
  })
  .describe('TLS to the registry, where a server URL is https.');

/**
 * A time such as `30s` or `250ms`; milliseconds once parsed. `min` and `max` are milliseconds. Give its default as
 * `.prefault('10s')`: what a user would write (zod's `.default` would skip the parsing).
 */
export function durationField(min = 0, max = 24 * 3_600_000) {
  return z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    const range = `must be between ${formatDuration(min)} and ${formatDuration(max)}`;
    context.issues.push({
      code: 'custom',
      input: text,
      message: ms === undefined ? 'is no time: write a number and ms, s, m, h or d, such as 30s' : range,
    });
    return z.NEVER;
  });
}
