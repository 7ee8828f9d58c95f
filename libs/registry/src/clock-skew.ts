import { deadlineSignal } from '@isthmus/model';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import type { Finding } from './registry-kind.ts';

/** HTTP's Date has whole seconds, and the answer takes its time. */
const MOST_SKEW_MS = 5_000;
const WITHIN_MS = 3_000;

/**
 * Does the registry's clock agree with ours, by the Date of any answer of its? Leases, tokens and certificates are valid by the clock.
 * Nothing is said where there is no Date.
 *
 * @param server its http or https URL; no credentials are sent, and the certificate is not looked at, because nothing but a time is read
 */
export async function clockSkew(server: string, now: () => number, signal: AbortSignal): Promise<readonly Finding[]> {
  const date = await dateOf(server, deadlineSignal(WITHIN_MS, signal));
  return skewFinding(server, date, now());
}

/** @param date a Date header */
export function skewFinding(server: string, date: string | undefined, now: number): readonly Finding[] {
  const skew = Date.parse(date ?? '') - now;
  if (!(Math.abs(skew) > MOST_SKEW_MS)) return [];
  return [
    {
      level: 'warning',
      what: `the clock of ${server} is ${Math.round(Math.abs(skew) / 1_000)} s ${skew > 0 ? 'ahead of' : 'behind'} ours`,
      remedy: 'synchronise both by NTP: leases, tokens and certificates are valid by the clock',
    },
  ];
}

function dateOf(server: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const url = URL.parse(server);
    if (url === null) return resolve(undefined);
    const options = { method: 'HEAD', signal, agent: false };
    const call = url.protocol === 'https:' ? https(url, { ...options, rejectUnauthorized: false }) : http(url, options);
    call.once('response', (response) => {
      response.resume();
      resolve(response.headers.date);
    });
    call.once('error', () => resolve(undefined)); // whether it can be reached is another finding
    call.end();
  });
}
