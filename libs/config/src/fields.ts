import { formatDuration, parseDuration, parseSourceId } from '@isthmus/model';
import { z } from 'zod';
import { parseListen } from './listen.ts';

/** A time such as `30s`, in milliseconds once parsed. Bounds are milliseconds, the default is what a user would write. */
export function durationField(min: number, max: number, preset: string) {
  return duration(min, max).prefault(preset);
}

/** The same without a default. */
export function duration(min: number, max: number) {
  return z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    const range = `must be between ${formatDuration(min)} and ${formatDuration(max)}`;
    const unit = 'is no time: use a number and a unit, such as 250ms, 30s, 10m';
    context.issues.push({ code: 'custom', input: text, message: ms === undefined ? unit : range });
    return z.NEVER;
  });
}

export const sourceName = z
  .string()
  .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'use 1 to 63 lower-case letters, digits and dashes')
  .transform((name) => parseSourceId(name));

const listenField = z
  .string()
  .transform((text, context) => {
    const address = parseListen(text);
    if (address !== undefined) return address;
    context.issues.push({
      code: 'custom',
      input: text,
      message: 'is no address to listen on: use IP:PORT, such as 127.0.0.1:15010',
    });
    return z.NEVER;
  })
  .describe(
    'IP address and port to listen on. Beyond loopback it needs tls and auth, or insecure: true. Port 0 takes a free one.',
  );

const tlsField = z
  .strictObject({
    certFile: z.string().min(1).describe('PEM file with the certificate (chain) to show.'),
    keyFile: z.string().min(1).describe('PEM file with its key.'),
    clientCaFile: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file with the authorities of client certificates; set, every client needs one (mutual TLS).'),
  })
  .describe('TLS of this server.');

const authField = z
  .strictObject({
    tokensFile: z.string().min(1).describe('File with one accepted bearer token a line.'),
  })
  .describe('Who may connect.');

const insecureField = z
  .boolean()
  .default(false)
  .describe('Listen beyond loopback without tls or auth; logged at every start. Only where something else protects the port.');

/** A server of ours; spread into its strict object. */
export const listenerFields = {
  listen: listenField,
  tls: tlsField.optional(),
  auth: authField.optional(),
  insecure: insecureField,
};
