import type { AgentTarget } from '@isthmus/contract';

const MOST_NAMES = 100;
/** A day; a lease is of minutes. */
const LONGEST_LEASE_S = 86_400;

/**
 * What a target may say beside where it is and how far up.
 * @throws {Error} that names the field
 */
export function optionalOf(
  { sdkNames, originatesTls, leaseS }: Readonly<Record<string, unknown>>,
  where: string,
): Pick<AgentTarget, 'sdkNames' | 'originatesTls' | 'leaseS'> {
  if (sdkNames !== undefined && !(Array.isArray(sdkNames) && sdkNames.length <= MOST_NAMES && sdkNames.every(isName)))
    throw new Error(`${where}.sdkNames is not a list of at most ${MOST_NAMES} KIND/NAMESPACE/GROUP/NAME`);
  if (originatesTls !== undefined && typeof originatesTls !== 'boolean')
    throw new Error(`${where}.originatesTls is neither true nor false`);
  if (leaseS !== undefined && !(typeof leaseS === 'number' && leaseS >= 1 && leaseS <= LONGEST_LEASE_S))
    throw new Error(`${where}.leaseS is not within 1 and ${LONGEST_LEASE_S}`);
  return {
    ...(sdkNames === undefined ? {} : { sdkNames: sdkNames as readonly string[] }),
    ...(originatesTls === undefined ? {} : { originatesTls }),
    ...(leaseS === undefined ? {} : { leaseS }),
  };
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 600 && /^[^/]+\/[^/]*\/[^/]*\/.+$/s.test(value);
}
