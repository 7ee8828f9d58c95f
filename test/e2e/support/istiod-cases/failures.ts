import { HOST, route } from './rule-case.ts';
import type { RuleCase } from './rule-case.ts';

/** Faults, timeouts and retries. */
export const FAILURES: readonly RuleCase[] = [
  {
    name: 'an abort',
    http: [route('v1', { fault: { abort: { httpStatus: 418, percentage: { value: 100 } } } })],
    expects: { status: 418 },
  },
  {
    name: 'an abort of a part',
    http: [route('v1', { fault: { abort: { httpStatus: 418, percentage: { value: 40 } } } })],
    times: 1_000,
    shares: { v1: 60, 'status 418': 40 },
    expects: { status: 0 },
  },
  {
    name: 'a timeout',
    http: [route('v1', { timeout: '0.3s' })],
    call: { headers: { 'x-ask': 'v1:hang' } },
    expects: { status: 504, attempts: 1 },
  },
  {
    name: 'by default a connection that is refused is tried elsewhere',
    instances: ['v1', 'down'],
    // Picked at random, both retries of a call would hit the same one again in one of 130 runs: Envoy draws six times for each.
    policy: { loadBalancer: { simple: 'ROUND_ROBIN' } },
    times: 30,
    isChance: true,
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'no retry of 503 by default',
    http: [route('v1')],
    call: { headers: { 'x-ask': 'v1:503' } },
    expects: { status: 503, attempts: 1 },
  },
  {
    name: 'no retry of 500 by default',
    http: [route('v1')],
    call: { headers: { 'x-ask': 'v1:500' } },
    expects: { status: 500, attempts: 1 },
  },
  {
    name: 'four retries of any 5xx',
    http: [route('v1', { retries: { attempts: 4, retryOn: '5xx' } })],
    call: { headers: { 'x-ask': 'v1:500' } },
    expects: { status: 500, attempts: 5 },
  },
  {
    name: 'no retries',
    http: [route('v1', { retries: { attempts: 0 } })],
    call: { headers: { 'x-ask': 'v1:503' } },
    expects: { status: 503, attempts: 1 },
  },
  {
    name: 'a retry goes to another instance',
    instances: ['v1', 'v2'],
    http: [{ route: [{ destination: { host: HOST } }], retries: { attempts: 5, retryOn: '503' } }],
    call: { headers: { 'x-ask': 'v1:503' } },
    times: 20,
    isChance: true,
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'a time for each try',
    http: [route('v1', { timeout: '10s', retries: { attempts: 2, perTryTimeout: '0.2s', retryOn: 'gateway-error' } })],
    call: { headers: { 'x-ask': 'v1:hang' } },
    expects: { status: 504, attempts: 3 },
  },
  {
    name: 'a retry of a connection that broke',
    http: [route('v1', { retries: { attempts: 2, retryOn: 'reset' } })],
    call: { headers: { 'x-ask': 'v1:reset' } },
    expects: { status: 503, attempts: 3 },
  },
];
