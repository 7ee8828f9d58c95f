import type { Destination } from '@isthmus/proto/istio';
import { checkPort, checkWildcardHost, isLabel } from './names.ts';
import type { Spot } from './spot.ts';

export function checkDestination(destination: Destination | undefined, at: Spot): void {
  if (destination === undefined) return;
  if (destination.host === '*') at.at('host').error('is "*"', 'name a service');
  else checkWildcardHost(destination.host, at.at('host'));
  if (destination.subset !== '') checkSubsetName(destination.subset, at.at('subset'));
  if (destination.port !== undefined) checkPort(destination.port.number, at.at('port', 'number'));
}

export function checkSubsetName(name: string, at: Spot): void {
  if (!isLabel(name)) at.error(`is ${JSON.stringify(name)}`, 'use letters, digits and dashes, 63 characters at most');
}

interface Weighted {
  readonly destination?: Destination | undefined;
  readonly weight: number;
}

export function checkWeighted(routes: readonly Weighted[], at: Spot): void {
  for (const [i, { destination, weight }] of routes.entries()) {
    if (destination === undefined) at.at(i).error('has no destination', 'add `destination: { host: ... }`');
    checkDestination(destination, at.at(i, 'destination'));
    if (weight < 0) at.at(i, 'weight').error(`is ${weight}`, 'use 0 or more');
  }
  if (routes.length > 1 && routes.reduce((sum, { weight }) => sum + weight, 0) === 0)
    at.error('has weights that add up to 0', 'give at least one of the destinations a weight');
}
