import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { NodeInfo, ResourceView } from '@isthmus/xds';
import type { ConsumerPosition } from './consumer-policies.ts';
import { openMesh } from './open-mesh.ts';
import type { Mesh } from './open-mesh.ts';
import { NODES, anyChange, parse, sketchedService } from './testing/any-change.ts';
import { viewOf } from './testing/mesh-of-services.ts';

const TYPES = [CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE];

test('whatever changed in whatever order, every node is served what it would be from nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyChange, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 8 }), { minLength: NODES.length, maxLength: NODES.length }),
      fc.array(fc.tuple(fc.nat({ max: NODES.length - 1 }), fc.nat({ max: 8 }), fc.nat({ max: 4 })), { maxLength: 6 }),
      (flushes, arrivals, absences) => {
        const mesh = openMesh();
        const positions = new Map<string, ConsumerPosition>();
        const state = { services: new Map<string, MeshService>(), objects: new Map<string, IstioObject>() };
        const views: ResourceView[] = [];
        const ends: ((() => void) | undefined)[] = [];
        const connect = (n: number): void => {
          views[n] = viewOf(mesh, NODES[n] as NodeInfo);
          ends[n] ??= views[n].subscribe(() => undefined);
        };
        const disconnect = (n: number): void => {
          ends[n]?.();
          ends[n] = undefined;
        };
        const arrive = (turn: number): void => {
          for (const n of NODES.keys()) if (arrivals[n] === turn) connect(n);
          for (const [n, from, turns] of absences) {
            if (turn === from) disconnect(n);
            if (turn === from + turns && views[n] !== undefined) connect(n);
          }
        };
        for (const [turn, changes] of flushes.entries()) {
          arrive(turn);
          for (const change of changes) {
            if ('consumers' in change) {
              positions.set(JSON.stringify([change.consumers, change.target]), change);
              mesh.publisher.queuePositions([change]);
            } else if ('host' in change) setService(mesh, state.services, change.host, change.to);
            else setObject(mesh, state.objects, change.object, change.text);
          }
          flush(mesh);
        }
        const fresh = openMesh();
        for (const service of state.services.values()) fresh.publisher.publish(service.host, service);
        fresh.publisher.queueRules([...state.objects.values()].map((after) => ({ before: undefined, after })));
        fresh.publisher.queuePositions([...positions.values()].filter(({ position }) => position !== undefined));
        flush(fresh);
        for (const info of NODES) {
          const grown = viewOf(mesh, info);
          expect([info.id, contentOf(grown)]).toEqual([info.id, contentOf(viewOf(fresh, info))]);
          for (const type of TYPES) expect(grown.version(type)).toBe(viewOf(fresh, info).version(type));
        }
      },
    ),
    { numRuns: Number(process.env['ISTHMUS_LAW_RUNS'] ?? 25) },
  );
});

function setService(
  mesh: Mesh,
  services: Map<string, MeshService>,
  host: string,
  to: Parameters<typeof sketchedService>[1] | undefined,
): void {
  const after = to === undefined || to.instances.length === 0 ? undefined : sketchedService(host, to);
  if (after === undefined) services.delete(host);
  else services.set(host, after);
  mesh.publisher.publish(host as MeshHost, after);
  mesh.publisher.commit();
}

function setObject(mesh: Mesh, objects: Map<string, IstioObject>, name: string, text: string | undefined): void {
  const before = objects.get(name);
  const after = text === undefined ? undefined : parse(text);
  if (after === undefined) objects.delete(name);
  else objects.set(name, after);
  mesh.publisher.queueRules([{ before, after }]);
}

function flush(mesh: Mesh): void {
  for (const _ of mesh.publisher.applyRules());
  mesh.publisher.commit();
  for (const _ of mesh.publisher.composeRoutes());
}

function contentOf(view: ResourceView): Record<string, readonly string[]> {
  return Object.fromEntries(
    TYPES.map((type) => [type, [...view.resources(type)].map(([name, { version }]) => `${name} ${version}`).sort()]),
  );
}
