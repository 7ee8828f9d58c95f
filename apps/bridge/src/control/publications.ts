import type { PublicationChangeView, PublicationDiff, PublicationView, SinkView } from '@isthmus/contract';
import type { MeshHost } from '@isthmus/model';
import { messageOf } from '@isthmus/model';
import type { PublicationState, RegistrySink } from '@isthmus/registry';
import type { Sinks } from '../engine/sinks.ts';

/** The way back in the shapes of the control API. */

export function publicationViews({ all, publisher }: Sinks): readonly PublicationView[] {
  return all
    .flatMap((sink) => [...sink.publications()].map((state) => viewOf(sink, state, publisher.losersOf(sink.id, state.id))))
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** Where one host is published, or shall be. */
export function publicationsOf(host: MeshHost, { publisher }: Sinks): readonly PublicationView[] {
  return publisher.claimsOf(host).flatMap(({ sink, id }) => {
    const state = sink.publication(id);
    return state === undefined ? [] : [viewOf(sink, state, publisher.losersOf(sink.id, id))];
  });
}

export function sinkViews({ all }: Sinks): readonly SinkView[] {
  return all.map((sink) => ({ to: sink.id, ...sink.status, ...sink.counters }));
}

/** What would be written now; nothing is. Registries are asked side by side, one that cannot be is told. */
export async function publicationDiff({ all }: Sinks, signal: AbortSignal): Promise<PublicationDiff> {
  const items: PublicationChangeView[] = [];
  const failed: { to: string; cause: string }[] = [];
  await Promise.all(
    all.map(async (sink) => {
      try {
        for (const { at, ...change } of await sink.diff(signal)) items.push({ to: sink.id, ...at, ...change });
      } catch (thrown) {
        failed.push({ to: sink.id, cause: messageOf(thrown) });
      }
    }),
  );
  return { items: items.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)), failed };
}

function viewOf(sink: RegistrySink, state: PublicationState, losers: readonly MeshHost[]): PublicationView {
  const { id: _, at, entries, ...rest } = state;
  return { to: sink.id, ...at, ...rest, entries: entries.map((entry) => hostPort(entry)), losers };
}

function hostPort({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function sortKey(at: { readonly to: string; readonly namespace: string; readonly group: string; readonly name: string }): string {
  return `${at.to}/${at.namespace}/${at.group}/${at.name}`;
}
