import { describe, expect, test } from '@jest/globals';
import { HEALTH_INFORMATION } from './node-session.ts';
import { Wire } from './testing/wire.ts';
import { CDS } from './type-urls.ts';

function followed(transport: 'sotw' | 'delta') {
  const told: string[] = [];
  const session = (node: { readonly id: string }, peer: { readonly address: string }) => {
    told.push(`${node.id} ${peer.address}`);
    return { health: (problem?: string) => void told.push(problem ?? 'well'), close: () => void told.push('closed') };
  };
  return { told, wire: new Wire(transport, { session }).open() };
}

describe.each(['sotw', 'delta'] as const)('the session of a node (%s)', (transport) => {
  test('begins with its first request and ends with the stream', () => {
    const { told, wire } = followed(transport);
    expect(told).toEqual([]);
    wire.ask(CDS);
    wire.ask(CDS);
    expect(told).toEqual(['web 127.0.0.1:1']);
    wire.stream.close();
    wire.stream.close();
    expect(told).toEqual(['web 127.0.0.1:1', 'closed']);
  });

  test('is told how the workload is, and nothing is answered', () => {
    const { told, wire } = followed(transport);
    wire.ask(HEALTH_INFORMATION, [], '', { error: 'connection refused' });
    wire.ask(HEALTH_INFORMATION);
    expect(told.slice(1)).toEqual(['connection refused', 'well']);
    expect(wire.pushes()).toEqual([]);
    expect(wire.events.filter(({ kind }) => kind === 'odd')).toEqual([]);
  });
});
