import type { ShadowView } from '@isthmus/contract';
import type { MeshHost } from '@isthmus/model';
import { explainDifference, similarityOf } from '@isthmus/plans';
import type { PlanBook, ShadowBook } from '@isthmus/plans';
import type { Engine } from '../engine/engine.ts';
import { placeKnowledge } from './place-knowledge.ts';

/** What SDKs see against what the mesh sees, of the hosts that contain a text; every difference with its cause. Made on demand. */
export function shadowViews(
  engine: Engine,
  shadow: ShadowBook,
  book: Pick<PlanBook, 'targetFor'>,
  part = '',
): readonly ShadowView[] {
  const wanted = part.toLowerCase();
  const targets = shadow.targets().filter(({ host }) => host.includes(wanted));
  const views = targets.map((target): ShadowView => {
    const { processes, services, windowMs, similarity, divergences } = shadow.standing(target);
    const { sdkNames = [] } = book.targetFor(services[0] ?? '*', target) ?? {};
    return {
      ...target,
      processes,
      similarity: similarityOf(similarity),
      windowMs,
      divergences: divergences.map(({ difference, since, counts, seenBy, processes: seeing, bugs }) => {
        const known = placeKnowledge(engine, target.host as MeshHost, sdkNames, difference.at);
        const leftMeshAt = shadow.leftMeshAt(target, difference.at);
        const explained = explainDifference(difference, leftMeshAt === undefined ? known : { ...known, leftMeshAt }, bugs);
        return { ...explained, forMs: Math.max(0, engine.catalog.now() - since), counts, processes: seeing, seenBy };
      }),
    };
  });
  return views.sort((a, b) => (a.host === b.host ? a.port - b.port : a.host < b.host ? -1 : 1));
}
