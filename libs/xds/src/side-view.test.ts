import { describe, expect, test } from '@jest/globals';
import type { NodeInfo, Peer, ResourceView, ViewChange } from './resource-provider.ts';
import { SideProvider } from './side-view.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { CDS, RTDS } from './type-urls.ts';

const node: NodeInfo = { id: 'web', cluster: '', metadata: {}, userAgent: '' };
const peer: Peer = { address: '127.0.0.1:1', identity: undefined };
const put = (store: SnapshotStore, type: string, name: string): void =>
  void store.commit([{ type, name, resource: { name, version: '1', bytes: new Uint8Array() } }]);

describe('a side provider', () => {
  const main = new SnapshotStore();
  const side = new SnapshotStore();
  const provider = new SideProvider({ viewFor: ({ id }) => (id === 'odd' ? { refused: 'no' } : main) }, side, [RTDS]);
  const view = provider.viewFor(node, peer) as ResourceView;

  test('gives nodes of one view one view, and refuses whom the other refuses', () => {
    expect(provider.viewFor(node, peer)).toBe(view);
    expect(provider.viewFor({ ...node, id: 'odd' }, peer)).toEqual({ refused: 'no' });
  });

  test('serves its types from the side, all others from the main view, and tells the changes of both', () => {
    const changes: ViewChange[] = [];
    const end = view.subscribe((change) => changes.push(change));
    put(main, CDS, 'a');
    put(side, RTDS, 'ops');
    expect([...view.resources(CDS).keys(), ...view.resources(RTDS).keys()]).toEqual(['a', 'ops']);
    expect([view.version(CDS), view.version(RTDS)]).toEqual([main.version(CDS), side.version(RTDS)]);
    expect(changes.map(({ revision, changed }) => [revision, ...changed.keys()])).toEqual([
      [1, CDS],
      [2, RTDS],
    ]);
    end();
    put(main, CDS, 'b');
    expect([changes.length, view.revision]).toEqual([2, 3]);
  });
});
