/** Longer than any provider's URL (a service with 500 methods has 15 kB); ZooKeeper allows names of a megabyte. */
const MOST_CHARACTERS = 64 * 1024;

/** `dubbo://10.0.0.1:20880/com.acme.Greeter?version=1.0.0&…`, as Dubbo writes providers and overrides. */
export interface DubboUrl {
  /** Lower case: `dubbo`, `tri`, `rest`, `override`. */
  readonly protocol: string;
  /** Not checked; IPv6 without brackets. */
  readonly host: string;
  /** Undefined where there is none; not checked otherwise. */
  readonly port: string | undefined;
  /** Without the first slash: the interface, or a context path before it. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export type ParsedDubboUrl = { readonly url: DubboUrl } | { readonly problem: string };

/**
 * Reads the name of a node below `providers` or `configurators`: a Dubbo URL, encoded as a whole.
 * Never throws: `problem` says in a few words what is wrong.
 */
export function parseDubboUrl(encoded: string): ParsedDubboUrl {
  if (encoded.length > MOST_CHARACTERS) return { problem: `${encoded.length} characters, the most is ${MOST_CHARACTERS}` };
  let text: string;
  try {
    text = decodeURIComponent(encoded.replaceAll('+', ' ')); // Java's URLEncoder writes a space as +
  } catch {
    return { problem: 'a % that starts no UTF-8 character' };
  }
  const [, protocol = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  if (protocol === '') return { problem: 'no "protocol://" at its start' };
  const question = rest.indexOf('?');
  const place = question < 0 ? rest : rest.slice(0, question);
  const slash = place.indexOf('/');
  const authority = (slash < 0 ? place : place.slice(0, slash)).replace(/^.*@/s, '');
  const { host, port } = hostAndPort(authority);
  if (host === '') return { problem: 'no address after "protocol://"' };
  return {
    url: {
      protocol: protocol.toLowerCase(),
      host,
      port,
      path: slash < 0 ? '' : place.slice(slash + 1),
      parameters: parametersOf(question < 0 ? '' : rest.slice(question + 1)),
    },
  };
}

/** Dubbo writes IPv6 with and without brackets; the port is what follows the last colon. */
function hostAndPort(authority: string): { readonly host: string; readonly port: string | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(authority);
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] };
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? { host: authority, port: undefined } : { host: authority.slice(0, colon), port: authority.slice(colon + 1) };
}

/** Values may hold `=`; without one a name is its own value, as in Dubbo. Sorted, so that their order does not show. */
function parametersOf(query: string): Readonly<Record<string, string>> {
  const entries = query.split('&').flatMap((part): [string, string][] => {
    const at = part.indexOf('=');
    if (part === '' || at === 0) return [];
    return [at < 0 ? [part, part] : [part.slice(0, at), part.slice(at + 1)]];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
