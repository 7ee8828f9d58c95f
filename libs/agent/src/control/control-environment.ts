import type { ControlOptions } from './follow-control.ts';

/**
 * `ISTHMUS_CONTROL` and what belongs to it.
 * @returns undefined without it
 * @throws {Error} for a value that cannot be meant
 */
export function readControl(env: Readonly<Record<string, string | undefined>>): ControlOptions | undefined {
  const control = env['ISTHMUS_CONTROL'] ?? '';
  if (control === '') return undefined;
  const url = urlOf(control);
  const service = env['ISTHMUS_SERVICE'] ?? '';
  if (!/^[\w][\w.:@/-]{0,252}$/.test(service))
    throw new Error(
      'ISTHMUS_CONTROL is set, and ISTHMUS_SERVICE does not say which service this is (letters, digits, . _ - : / @)',
    );
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && env['ISTHMUS_CONTROL_INSECURE'] !== 'true')
    throw new Error(
      `ISTHMUS_CONTROL is ${url.origin}: beyond loopback whoever is on the way could read the token and write plans; use https, or set ISTHMUS_CONTROL_INSECURE=true`,
    );
  const [tokenFile = '', caFile = '', cacheDir = ''] = ['TOKEN_FILE', 'CA_FILE', 'CACHE_DIR'].map(
    (name) => env[`ISTHMUS_${name}`],
  );
  return {
    place: {
      url: url.origin,
      service,
      ...(tokenFile === '' ? {} : { tokenFile }),
      ...(caFile === '' ? {} : { caFile }),
    },
    ...(cacheDir === '' ? {} : { cacheDir }),
  };
}

function urlOf(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // said below
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || !/^\/?$/.test(url.pathname))
    throw new Error(`ISTHMUS_CONTROL is no http:// or https:// address without a path: ${text.slice(0, 100)}`);
  return url;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
