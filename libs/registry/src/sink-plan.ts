import { createHash } from 'node:crypto';
import type { SourceId } from '@isthmus/model';
import { marksToMetadata, withoutMarks } from './marks.ts';
import type { ListedEntry, Publication, PublishedInstance, SinkChange, SinkEntry } from './registry-sink.ts';

export interface PlanInput {
  readonly meshId: string;
  readonly owner: string;
  readonly wanted: Publication | undefined;
  /** What we wrote last, as the ledger remembers it. */
  readonly written: Publication | undefined;
  /** What the registry has under the name now. */
  readonly listed: readonly ListedEntry[];
  /** What we want has changed since it was written: only then is the entry of another bridge of this mesh overwritten. */
  readonly changed: boolean;
  readonly isComplete: (source: SourceId) => boolean;
}

export interface PlannedStep {
  readonly action: 'register' | 'change' | 'keep' | 'deregister' | 'leave' | 'wait';
  readonly entry: SinkEntry;
  readonly why: string;
}

/**
 * What to do about one name. Pure. Three rules: nothing that another wrote is changed or removed; an entry of ours goes only
 * when we wrote it, nobody wants it, and the registry it came from has been read in this process; what may not go yet is kept.
 */
export function planPublication(input: PlanInput): readonly PlannedStep[] {
  const { meshId, owner, wanted, written, listed, isComplete } = input;
  const steps: PlannedStep[] = [];
  const isOurs = (entry: ListedEntry) => entry.marks?.mesh === meshId;
  const at = (key: string) => listed.filter((entry) => addressKey(entry) === key);
  const wantedKeys = new Set<string>();
  for (const instance of wanted?.instances ?? []) {
    const key = addressKey(instance);
    wantedKeys.add(key);
    const entry = entryOf(wanted as Publication, instance, meshId, owner);
    const ours = at(key).find(isOurs);
    const taken = at(key).some((other) => !isOurs(other));
    if (taken && ours === undefined) steps.push({ action: 'leave', entry, why: 'somebody else registered this address' });
    else if (taken) steps.push({ action: 'deregister', entry, why: 'the instance registers itself now' });
    else if (ours === undefined) steps.push({ action: 'register', entry, why: 'it is not there' });
    else steps.push(compare(entry, ours.marks?.version ?? '', ours.marks?.owner ?? '', input));
  }
  for (const instance of written?.instances ?? []) {
    const key = addressKey(instance);
    if (wantedKeys.has(key)) continue;
    const ours = at(key).find(isOurs);
    if (ours === undefined) continue; // it expired, or was never written
    const entry = entryOf(written as Publication, instance, meshId, owner);
    if (ours.marks?.owner !== owner) steps.push({ action: 'leave', entry, why: `${ours.marks?.owner} of this mesh wrote it` });
    else if (isComplete(instance.source)) steps.push({ action: 'deregister', entry, why: 'nothing wants it any more' });
    else steps.push({ action: 'wait', entry, why: `${instance.source} has not been read completely since this bridge started` });
  }
  return steps;
}

function compare(entry: SinkEntry, version: string, owner: string, input: PlanInput): PlannedStep {
  if (version === entry.marks.version) return { action: 'keep', entry, why: 'it is there' };
  // Two bridges of one mesh that want different things would otherwise write in turns for ever (consul-k8s#579).
  if (owner !== input.owner && !input.changed)
    return { action: 'keep', entry, why: `${owner} of this mesh wrote it differently` };
  return { action: 'change', entry, why: 'its content changed' };
}

/** Everything that is written of an instance. */
export function entryOf(publication: Publication, instance: PublishedInstance, meshId: string, owner: string): SinkEntry {
  const { address, port, protocol, weight, origin } = instance;
  const metadata = withoutMarks(instance.metadata);
  const path = [...instance.path, meshId];
  const content = JSON.stringify([protocol, weight, publication.ttlMs, origin, path, Object.entries(metadata).sort()]);
  const version = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const marks = { mesh: meshId, origin, path, owner, version };
  return { at: publication.at, address, port, protocol, weight, metadata, marks, ttlMs: publication.ttlMs };
}

export function addressKey(entry: { readonly address: string; readonly port: number }): string {
  return `${entry.address.toLowerCase()} ${entry.port}`;
}

/** A step as a dry run tells it. */
export function changeOf({ action, entry, why }: PlannedStep): SinkChange {
  const { at, address, port, weight } = entry;
  const written = action === 'register' || action === 'change';
  const content = written ? { weight, metadata: { ...entry.metadata, ...marksToMetadata(entry.marks) } } : {};
  return { action: action as SinkChange['action'], at, address, port, why, ...content };
}

export function compareChanges(a: SinkChange, b: SinkChange): number {
  return sortKey(a) < sortKey(b) ? -1 : 1;
}

function sortKey({ at, address, port }: SinkChange): string {
  return `${at.namespace}/${at.group}/${at.name} ${address} ${port}`;
}
