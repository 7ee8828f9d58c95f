import type { KubeObject } from '../resource.ts';

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
  readonly revision: number;
}

/** Objects of one kind as etcd and the watch cache have them: by path, with one revision for all kinds. */
export class ObjectStore {
  readonly objects = new Map<string, KubeObject>();
  /** What watches can still be given; older is `410 Gone`. */
  history: StoreEvent[] = [];
  /** Events up to this revision are forgotten. */
  forgotten = 0;
  readonly listeners = new Set<(event: StoreEvent) => void>();

  record(type: StoreEvent['type'], object: KubeObject, revision: number): void {
    const event = { type, object, revision };
    this.history.push(event);
    for (const listener of this.listeners) listener(event);
  }

  /** As etcd's compaction: a watch from before `revision` has to list again. */
  forget(revision: number): void {
    this.forgotten = revision;
    this.history = this.history.filter((event) => event.revision > revision);
  }
}

export function storeKey({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** `a=b,c` and `a!=b`: enough of https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ for tests. */
export function labelsMatch(selector: string | null, object: KubeObject): boolean {
  const labels = object.metadata.labels ?? {};
  return (selector ?? '')
    .split(',')
    .filter((term) => term !== '')
    .every((term) => {
      if (term.includes('!=')) {
        const [key = '', value] = term.split('!=');
        return labels[key] !== value;
      }
      const [key = '', value] = term.split('=');
      return value === undefined ? key in labels : labels[key] === value;
    });
}

/** `metadata.name=x`, the only field that every kind has. */
export function fieldsMatch(selector: string | null, object: KubeObject): boolean {
  const name = /^metadata\.name=(.*)$/.exec(selector ?? '')?.[1];
  return name === undefined || object.metadata.name === name;
}
