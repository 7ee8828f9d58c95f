import { isLoopback } from '@isthmus/config';
import { LONGEST_ANSWER } from './registration-report.ts';
import type { RegistrationReport } from './registration-report.ts';

/** Where the leader takes them. */
export const REGISTRATIONS_PATH = '/api/v1/replica/registrations';
const ANSWER_WITHIN_MS = 5_000;

/** Something answers at the leader's address that is no bridge: it will not soon be one. */
export class NoBridge extends Error {}

/**
 * @param control the leader's control API, where it says where that is
 * @returns false: it has to be told all anew
 */
export async function tellLeader(
  control: string | undefined,
  report: RegistrationReport,
  { token, fetch: send = fetch }: { readonly token: () => Promise<string>; readonly fetch?: typeof fetch },
): Promise<boolean> {
  if (control === undefined) throw new Error('the replica that leads does not say where it is');
  const { protocol, hostname } = new URL(control);
  // As the CLI has it: whoever writes the store could else have the token sent in clear anywhere.
  if (protocol !== 'https:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')))
    throw new Error(`${control} is plain HTTP beyond loopback, where no token is sent`);
  const answer = await send(`${control}${REGISTRATIONS_PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await token()}` },
    body: JSON.stringify(report),
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new Error(`${control} answered ${answer.status}`);
  }
  const known = knownOf(await start(answer));
  // Who is told all anew has nothing to miss.
  if (known === undefined || (!known && report.seq === 0))
    throw new NoBridge(`${control} answered ${answer.status}, and not as a bridge does: something else is at that address`);
  return known;
}

/** As much of it as an answer of ours has. */
async function start({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
    if (length > LONGEST_ANSWER) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function knownOf(text: string): boolean | undefined {
  try {
    const known: unknown = Reflect.get(Object(JSON.parse(text)) as object, 'known');
    return typeof known === 'boolean' ? known : undefined;
  } catch {
    return undefined;
  }
}
