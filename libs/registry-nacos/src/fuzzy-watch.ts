import { IsthmusError } from '@isthmus/model';
import type { Json } from './json-body.ts';
import { endsConnection, FUZZY_REFUSED, NacosRefusal } from './errors.ts';
import type { Ask } from './grpc-reads.ts';

/** Nacos refuses no longer list, it just stops telling: 500 services a pattern. */
const MOST_KEYS = 500;

export interface FuzzyWatchOptions {
  readonly ask: Ask;
  readonly namespace: string;
  /** Group names, or `*` alone. */
  readonly groups: readonly string[];
  /** A service of the watched groups has its first instance, or is listed by the first sync. */
  readonly onService: (group: string, name: string) => void;
}

/**
 * Nacos 3 tells of new services within 0.1 s, but 500 services and 20 patterns are its limit, and one bad pattern of any
 * client silences it for all. So this is a hint that shortens the wait for the next listing and finds groups, never the truth.
 */
export class FuzzyWatch {
  readonly #options: FuzzyWatchOptions;
  readonly #keys = new Set<string>();
  #limited = false;

  constructor(options: FuzzyWatchOptions) {
    this.#options = options;
  }

  /** True when Nacos said that it will not tell us of everything. */
  get isLimited(): boolean {
    return this.#limited;
  }

  /** Starts, or (called again each minute) has Nacos compare what it told us with what is. @throws when the connection has ended. */
  async watch(initializing: boolean): Promise<void> {
    const { namespace, groups, ask } = this.#options;
    for (const group of groups) {
      const prefix = `${namespace}@@${group}@@`;
      const known = [...this.#keys].filter((key) => group === '*' || key.startsWith(prefix));
      try {
        await ask('NamingFuzzyWatchRequest', {
          namespace, // Nacos 3.1.0 authorises this one and matches the pattern's: they must be equal
          groupKeyPattern: `${namespace}>>${group}>>*`, // three parts, always: two would silence the watches of every client
          watchType: 'WATCH',
          initializing,
          receivedGroupKeys: initializing ? [] : known.slice(0, MOST_KEYS), // without this key nothing ever comes
        });
      } catch (thrown) {
        if (endsConnection(thrown) || !IsthmusError.is(thrown)) throw thrown;
        this.#limited = true; // above 500 services the first 500 come all the same
        if (thrown instanceof NacosRefusal && thrown.nacosCode === FUZZY_REFUSED.tooManyPatterns) return;
      }
    }
  }

  /** True when the push was one of a fuzzy watch. */
  handle(type: string, body: Json): boolean {
    if (type === 'NamingFuzzyWatchChangeNotifyRequest') {
      this.#changed(body);
      return true;
    }
    if (type !== 'NamingFuzzyWatchSyncRequest') return false;
    const contexts = body['contexts'];
    if (Array.isArray(contexts))
      for (const context of contexts) if (typeof context === 'object' && context !== null) this.#changed(context as Json);
    return true;
  }

  #changed(context: Json): void {
    const key = String(context['serviceKey']);
    const [namespace, group, ...rest] = key.split('@@');
    if (namespace !== this.#options.namespace || group === undefined || rest.length === 0) return;
    if (context['changedType'] === 'DELETE_SERVICE') {
      this.#keys.delete(key);
      return;
    }
    this.#keys.add(key);
    this.#options.onService(group, rest.join('@@'));
  }
}
