import http from 'node:http';
import net from 'node:net';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface SidecarPlaces {
  /** Where calls go. */
  readonly egress: Place;
  /** Answers 200 when the sidecar is ready; Istio's is `http://127.0.0.1:15021/healthz/ready`. It never says that it no longer is. */
  readonly readyUrl?: string;
  /** Envoy's admin, `http://127.0.0.1:15000`: its own readiness, and whether a target has healthy hosts. */
  readonly adminUrl?: string;
}

/** `dead`: nobody listens, there is nothing to wait for. */
export type Outcome = 'good' | 'bad' | 'dead';

export interface SidecarProbe {
  sidecar(): Promise<Outcome>;
  /** Nobody can be asked of a target's hosts: each is taken to have some. */
  readonly asksNobody?: boolean;
  /** @param authority `host:port`. @returns true where nobody can be asked, undefined where there was no answer */
  hasHealthyHosts(authority: string): Promise<boolean | undefined>;
}

/** Calls every so many ms; a call that is late stands for all that were due by then. @returns ends it */
export type Every = (ms: number, run: () => void) => () => void;

/** Everything asked is on the same machine: an answer that takes longer than 300 ms is none. */
const TURN_MS = 50;
const MOST_TURNS = 6;
/** Of one target's `/clusters`; a cluster of 1,000 hosts has about 1 MB. */
const LONGEST_ANSWER = 4 * 1024 * 1024;

/** @param every the process's timers; others in tests */
export function sidecarProbe(places: SidecarPlaces, every: Every = byInterval): SidecarProbe {
  return {
    asksNobody: places.adminUrl === undefined,
    async sidecar() {
      const listens = await connects(places.egress, every);
      if (listens !== 'good') return listens;
      const urls = [places.readyUrl, places.adminUrl === undefined ? undefined : `${places.adminUrl}/ready`];
      const answers = await Promise.all(urls.flatMap((url) => (url === undefined ? [] : [get(url, every)])));
      return answers.every(({ status }) => status === 200) ? 'good' : 'bad';
    },
    async hasHealthyHosts(authority) {
      if (places.adminUrl === undefined) return true;
      const colon = authority.lastIndexOf(':');
      const host = authority.slice(0, colon).replaceAll('.', '\\.');
      // Istio's names of clusters: outbound|PORT|SUBSET|HOST.
      const filter = `^outbound\\|${authority.slice(colon + 1)}\\|[^|]*\\|${host}$`;
      const { status, body } = await get(`${places.adminUrl}/clusters?filter=${encodeURIComponent(filter)}`, every);
      if (status === 0) return undefined;
      // Ejected hosts count: else an open breaker would send every call past itself, to the instances that it opened for.
      return status === 200 && /::health_flags::(?:healthy|\/failed_outlier_check)$/m.test(body);
    },
  };
}

/**
 * In turns, because a process that stands still itself, for a large JSON or on a busy machine, has its timers run before what came
 * meanwhile is read: its stall is one turn then, and not the sidecar's fault. @returns stops it
 */
function afterTurns(every: Every, run: () => void): () => void {
  let turns = 0;
  return every(TURN_MS, () => {
    turns += 1;
    if (turns === MOST_TURNS) run();
  });
}

function byInterval(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  timer.unref();
  return () => clearInterval(timer);
}

function connects({ host, port }: Place, every: Every): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (outcome: Outcome): void => {
      stop();
      socket.destroy();
      resolve(outcome);
    };
    const stop = afterTurns(every, () => end('bad'));
    socket.unref();
    socket.once('connect', () => end('good'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'dead' : 'bad'));
  });
}

/** A GET past every agent, so past the seam; status 0 when there was no answer. */
function get(url: string, every: Every): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve) => {
    let body = '';
    const { hostname, port, pathname, search } = new URL(url);
    const createConnection = (): net.Socket => {
      const socket = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
      socket.unref();
      return socket;
    };
    const request = http.get({ host: hostname, port, path: pathname + search, createConnection }, (response) => {
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > LONGEST_ANSWER) end(0);
      });
      response.once('end', () => end(response.statusCode ?? 0));
      response.once('error', () => end(0));
    });
    const end = (status: number): void => {
      stop();
      request.destroy();
      resolve({ status, body });
    };
    const stop = afterTurns(every, () => end(0));
    request.on('error', () => end(0));
  });
}
