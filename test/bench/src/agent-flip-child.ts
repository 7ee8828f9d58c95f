/** An application that calls its instances in turn at a constant rate, GET and POST by turns. It knows nothing of the agent, which is put before it. */
import http from 'node:http';
import { monotonic } from './monotonic.ts';

export type FlipTold = 'take' | 'end';
/** A call: when it began and ended (ms of the common clock), whether by the mesh, whether a POST, whether it failed. */
export type FlipCall = readonly [began: number, ended: number, isMesh: 0 | 1, isPost: 0 | 1, isFailed: 0 | 1];
export interface FlipSays {
  readonly kind: 'taken';
  readonly calls: readonly FlipCall[];
  /** Not made, because too many were under way. */
  readonly skipped: number;
  readonly failures: readonly string[];
}

const MOST_UNDER_WAY = 1_000;
const CONNECTIONS = 64;
const { addresses, callsASecond } = JSON.parse(process.argv[2] ?? '') as {
  readonly addresses: readonly string[];
  readonly callsASecond: number;
};
const places = addresses.map((address) => address.split(':'));
const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
let calls: FlipCall[] = [];
let failures: string[] = [];
let skipped = 0;
let underWay = 0;
let turn = 0;

function call(): void {
  if (underWay >= MOST_UNDER_WAY) {
    skipped += 1;
    return;
  }
  turn += 1;
  underWay += 1;
  const isPost = (turn & 1) as 0 | 1;
  const began = monotonic();
  let isEnded = false;
  const end = (isMesh: 0 | 1, failure?: string): void => {
    if (isEnded) return;
    isEnded = true;
    underWay -= 1;
    calls.push([began, monotonic(), isMesh, isPost, failure === undefined ? 0 : 1]);
    if (failure !== undefined && failures.length < 20) failures.push(`${isPost === 1 ? 'POST' : 'GET'}: ${failure}`);
  };
  const [host, port] = places[(turn >> 1) % places.length] ?? [];
  const request = http.request({ host, port, agent, method: isPost === 1 ? 'POST' : 'GET' }, (response) => {
    const isMesh = response.headers['x-way'] === 'mesh' ? 1 : 0;
    response.resume().once('end', () => end(isMesh, response.statusCode === 200 ? undefined : `status ${response.statusCode}`));
    response.once('error', (error) => end(isMesh, error.message));
  });
  request.once('error', (error) => end(0, error.message));
  request.end(isPost === 1 ? 'an order' : undefined);
}

let due = monotonic();
setInterval(() => {
  for (const now = monotonic(); due <= now; due += 1_000 / callsASecond) call();
}, 2);

process.on('message', (told: FlipTold) => {
  if (told === 'end') process.exit(0);
  process.send?.({ kind: 'taken', calls, skipped, failures } satisfies FlipSays);
  calls = [];
  failures = [];
  skipped = 0;
});
process.on('disconnect', () => process.exit(0));
