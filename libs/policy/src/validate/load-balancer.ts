import type {
  LoadBalancerSettings,
  LoadBalancerSettings_ConsistentHashLB,
  LocalityLoadBalancerSetting,
  ZoneAwareLoadBalancerSetting,
} from '@isthmus/proto/istio';
import { checkDuration } from './names.ts';
import type { Spot } from './spot.ts';

const MOST_TABLE = 5_000_011n;
const TOPOLOGY = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

export function checkLoadBalancer(settings: LoadBalancerSettings | undefined, hasOutlierDetection: boolean, at: Spot): void {
  if (settings === undefined) return;
  const { lbPolicy, localityLbSetting, zoneAwareLbSetting, warmup } = settings;
  if (lbPolicy.case === 'consistentHash') checkConsistentHash(lbPolicy.value, at.at('consistentHash'));
  if (localityLbSetting !== undefined && zoneAwareLbSetting !== undefined)
    at.at('localityLbSetting').error('and zoneAwareLbSetting exclude each other', 'keep one of the two');
  if (localityLbSetting !== undefined) checkLocality(localityLbSetting, hasOutlierDetection, at.at('localityLbSetting'));
  if (zoneAwareLbSetting !== undefined) {
    const here = at.at('zoneAwareLbSetting');
    for (const [i, label] of zoneAwareLbSetting.failoverPriority.entries())
      if (TOPOLOGY.includes(label))
        here.at('failoverPriority', i).error(`is ${label}, which zone aware balancing looks at by itself`, 'take it out');
    checkFailover(zoneAwareLbSetting, hasOutlierDetection, here);
  }
  if (warmup === undefined) return;
  if (warmup.duration === undefined) at.at('warmup').error('has no duration', 'add it');
  checkDuration(warmup.duration, at.at('warmup', 'duration'));
  if ((warmup.minimumPercent ?? 0) > 100) at.at('warmup', 'minimumPercent').error(`is ${warmup.minimumPercent}`, 'use 0 to 100');
  if (warmup.aggression !== undefined && warmup.aggression <= 0)
    at.at('warmup', 'aggression').error(`is ${warmup.aggression}`, 'use more than 0');
}

function checkConsistentHash(hash: LoadBalancerSettings_ConsistentHashLB, at: Spot): void {
  const { hashKey, hashAlgorithm, minimumRingSize } = hash;
  if (hashKey.case === 'httpCookie') {
    const here = at.at('httpCookie');
    if (hashKey.value.name === '') here.error('has no name', 'add it');
    const names = hashKey.value.attributes.map(({ name }) => name);
    for (const [i, name] of names.entries()) {
      if (name === '') here.at('attributes', i).error('has no name', 'add it');
      else if (names.indexOf(name) < i)
        here.at('attributes', i, 'name').error(`is ${JSON.stringify(name)}, which is there already`, 'keep one of the two');
    }
  }
  if (minimumRingSize !== 0n) {
    at.at('minimumRingSize').warn('is an old setting', 'use `ringHash: { minimumRingSize: ... }`');
    if (hashAlgorithm.case !== undefined)
      at.at('minimumRingSize').error(`and ${hashAlgorithm.case} exclude each other`, 'keep one of the two');
  }
  if (hashAlgorithm.case !== 'maglev') return;
  const { tableSize } = hashAlgorithm.value;
  if (tableSize >= MOST_TABLE || !isPrime(tableSize))
    at.at('maglev', 'tableSize').error(`is ${tableSize}`, `use a prime number below ${MOST_TABLE}`);
}

/** Of numbers below the most only: the search is by division. */
function isPrime(number: bigint): boolean {
  const n = Number(number);
  if (n < 2 || n >= Number(MOST_TABLE)) return n === 1;
  for (let factor = 2; factor * factor <= n; factor += 1) if (n % factor === 0) return false;
  return true;
}

function checkLocality(setting: LocalityLoadBalancerSetting, hasOutlierDetection: boolean, at: Spot): void {
  const { distribute, failover, failoverPriority } = setting;
  if (distribute.length > 0 && failover.length > 0)
    return at.at('distribute').error('and failover exclude each other', 'keep one of the two');
  const topology = failover.length > 0 ? failoverPriority.findIndex((label) => TOPOLOGY.includes(label)) : -1;
  if (topology >= 0) return at.at('failoverPriority', topology).error('and failover both order regions', 'keep one of the two');
  for (const [i, { to }] of distribute.entries()) {
    const here = at.at('distribute', i, 'to');
    const odd = Object.entries(to).find(([, weight]) => weight <= 0 || weight > 100);
    if (odd !== undefined) return here.at(odd[0]).error(`is ${odd[1]}`, 'use 1 to 100');
    const total = Object.values(to).reduce((sum, weight) => sum + weight, 0);
    if (total !== 100) return here.error(`has weights that add up to ${total}`, 'make them add up to 100');
    checkLocalities(Object.keys(to), false, (name) => here.at(name));
  }
  checkLocalities(
    distribute.map(({ from }) => from),
    true,
    (_, i) => at.at('distribute', i, 'from'),
  );
  checkFailover(setting, hasOutlierDetection, at);
}

function checkFailover(
  { failover, failoverPriority }: LocalityLoadBalancerSetting | ZoneAwareLoadBalancerSetting,
  hasOutlierDetection: boolean,
  at: Spot,
): void {
  if ((failover.length > 0 || failoverPriority.length > 0) && !hasOutlierDetection)
    at.warn('fails over nowhere: nothing ejects endpoints', 'add outlierDetection');
  for (const [i, { from, to }] of failover.entries()) {
    const here = at.at('failover', i);
    if (from === to) here.error(`goes from ${JSON.stringify(from)} to itself`, 'name another region');
    if (`${from}${to}`.includes('/')) here.error('names more than a region', 'name regions only');
    if (`${from}${to}`.includes('*')) here.error('has a wildcard', 'name regions');
  }
}

/** `region/zone/subzone`, `region/zone/*`, `*`; none may cover another. */
function checkLocalities(localities: readonly string[], isOrdered: boolean, at: (locality: string, index: number) => Spot): void {
  for (const [i, locality] of localities.entries()) {
    const star = locality.indexOf('*');
    if (star >= 0 && star < locality.length - 1)
      return at(locality, i).error(`is ${JSON.stringify(locality)}: a * stands at the end, once`, 'write region/zone/*');
    if (splitLocality(locality).includes(''))
      return at(locality, i).error(`is ${JSON.stringify(locality)}, a part of which is empty`, 'write region/zone/subzone');
    const other = localities.slice(0, i).find((before) => covers(before, locality) || (!isOrdered && covers(locality, before)));
    if (other !== undefined)
      return at(locality, i).error(
        `is ${JSON.stringify(locality)}, which overlaps with ${JSON.stringify(other)}`,
        'keep one of the two',
      );
  }
}

function splitLocality(locality: string): readonly string[] {
  const [region = '', zone, ...rest] = locality.split('/');
  return zone === undefined ? [region] : rest.length === 0 ? [region, zone] : [region, zone, rest.join('/')];
}

/** As Istio reads a list: a later `*` covers nothing before it. In a map, which has no order, it may or may not. */
function covers(before: string, later: string): boolean {
  const [wide, narrow] = [splitLocality(before), splitLocality(later)];
  return [0, 1, 2].every((i) => wide[i] === narrow[i] || (wide[i] ?? '*') === '*' || narrow[i] === undefined);
}
