import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { backoff, IsthmusError, messageOf, pause } from '@isthmus/model';
import type { SourceEvent, SourceId } from '@isthmus/model';
import { readSecret, ScopeView, sourceEvents } from '@isthmus/registry';
import type { EventChannel, RegistrySource, SourceDeps } from '@isthmus/registry';
import { serverAddress } from './config.ts';
import type { ZookeeperConfig } from './config.ts';
import { runSession } from './session.ts';
import type { SessionTrace } from './session.ts';

/** Reads one ZooKeeper ensemble: one session after the other, on the next server after each loss, with a jittered backoff. */
export class ZookeeperSource implements RegistrySource {
  readonly id: SourceId;
  readonly #config: ZookeeperConfig;
  readonly #deps: SourceDeps;

  constructor(id: SourceId, config: ZookeeperConfig, deps: SourceDeps) {
    this.id = id;
    this.#config = config;
    this.#deps = deps;
  }

  watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    return sourceEvents(signal, (channel, until) => this.#run(channel, until));
  }

  async #run(channel: EventChannel, signal: AbortSignal): Promise<void> {
    const { servers, restartGrace } = this.#config;
    const { clock, random } = this.#deps;
    const scope = { source: this.id, namespace: '', group: '' };
    const view = new ScopeView({ scope, emit: (event) => channel.push(event), clock, registry: 'ZooKeeper', restartGrace });
    let before: SessionTrace | undefined;
    let at = Math.floor(random() * servers.length); // many bridges spread over the members
    for (let attempt = 0; !signal.aborted; at += 1) {
      const server = servers[at % servers.length] as string;
      let why: unknown;
      try {
        const [tls, digest] = await Promise.all([
          tlsOf(this.#config, this.#deps.baseDir),
          digestOf(this.#config, this.#deps.baseDir),
        ]);
        const options = { config: this.#config, deps: this.#deps, view, server: serverAddress(server), tls, digest, before };
        const end = await runSession(options, signal);
        before = end.trace ?? before;
        if (end.trace !== undefined) view.heard(performance.now() - end.trace.heardAt);
        why = end.why;
        attempt = end.trace === undefined ? attempt + 1 : 0;
      } catch (thrown) {
        why = thrown; // a secret or certificate that cannot be read
        attempt += 1;
      }
      if (signal.aborted) break;
      view.lost(`${server}: ${IsthmusError.is(why) ? why.message : messageOf(why)}`);
      await pause(backoff(attempt, random), signal);
    }
    view.close();
  }
}

/** Read before every session, so that a rotated password counts. @throws IsthmusError `config.invalid`. */
export async function digestOf({ auth }: ZookeeperConfig, baseDir: string): Promise<string | undefined> {
  if (auth === undefined) return undefined;
  return `${auth.username}:${await readSecret({ file: auth.passwordFile, env: auth.passwordEnv }, baseDir)}`;
}

export async function tlsOf({ tls }: ZookeeperConfig, baseDir: string): Promise<TlsOptions | undefined> {
  if (tls === undefined) return undefined;
  const read = (path: string | undefined) => (path === undefined ? undefined : readFile(resolve(baseDir, path)));
  const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}
