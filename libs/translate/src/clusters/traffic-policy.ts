import type { DestinationRule, Subset, TrafficPolicy } from '@isthmus/proto/istio';

/** What of a DestinationRule holds for one port of the service, or for one subset there. */
export type Policy = Pick<
  TrafficPolicy,
  'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls' | 'proxyProtocol' | 'retryBudget'
>;

/** The port's own settings where there are any: they replace the rule's as a whole, with defaults for what they leave out. */
export function portPolicy(rule: DestinationRule | undefined, port: number): Policy | undefined {
  return ofPort(rule?.trafficPolicy, port).policy;
}

/** The subset's settings over the rule's; port settings of the subset over all of them. */
export function subsetPolicy(rule: DestinationRule, { trafficPolicy }: Subset, port: number): Policy | undefined {
  const inherited = portPolicy(rule, port);
  const { policy: own, replaces } = ofPort(trafficPolicy, port);
  if (own === undefined) return inherited;
  if (inherited === undefined) return own;
  return {
    ...inherited,
    ...pick(own, replaces, ['connectionPool', 'outlierDetection', 'loadBalancer', 'tls']),
    ...pick(own, false, ['proxyProtocol', 'retryBudget']),
  };
}

function ofPort(policy: TrafficPolicy | undefined, port: number): { policy: Policy | undefined; replaces: boolean } {
  const forPort = policy?.portLevelSettings.find((one) => one.port?.number === port);
  if (forPort === undefined) return { policy, replaces: false };
  const { connectionPool, loadBalancer, outlierDetection, tls } = forPort;
  return { policy: { connectionPool, loadBalancer, outlierDetection, tls }, replaces: true };
}

function pick(from: Policy, all: boolean, names: readonly (keyof Policy)[]): Policy {
  return Object.fromEntries(names.filter((name) => all || from[name] !== undefined).map((name) => [name, from[name]]));
}
