import { CDS, EDS, LDS, RDS } from '../type-urls.ts';
import { Wire } from './wire.ts';

/** Clusters a and b with their endpoints, one listener, one route; connected and settled as an Envoy would be. */
export function settled(transport: 'sotw' | 'delta', beside?: Wire): Wire {
  const wire = new Wire(transport, {}, beside).open();
  if (beside === undefined)
    wire.commit([CDS, 'a', '1'], [CDS, 'b', '1'], [EDS, 'a', '1'], [EDS, 'b', '1'], [LDS, 'l', '1'], [RDS, 'r', '1']);
  wire.ask(CDS);
  wire.ack(CDS);
  wire.ask(EDS, ['a', 'b']);
  wire.ack(EDS, ['a', 'b']);
  wire.ask(LDS);
  wire.ack(LDS);
  wire.ask(RDS, ['r']);
  wire.ack(RDS, ['r']);
  wire.pushes();
  return wire;
}
