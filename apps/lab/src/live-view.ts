import { labPaths, type LabPath } from './hop.ts';
import type { InstanceShare, PathTraffic, Traffic } from './traffic-stats.ts';

export interface ViewPart {
  readonly name: string;
  readonly group: 'servers' | 'services';
  /** `up` or what is the matter. */
  readonly state: string;
}

export interface ViewModel {
  /** Seconds since the lab was started. */
  readonly seconds: number;
  readonly console: string;
  readonly parts: readonly ViewPart[];
  /** What the bridge says of each registry: `live`, `stale for 12 s`; empty while it does not answer. */
  readonly sources: readonly { readonly name: string; readonly state: string }[];
  readonly traffic: Traffic;
  /** What was noteworthy, the newest last. */
  readonly notes: readonly string[];
  /** Commands to try next. */
  readonly tries: readonly { readonly command: string; readonly why: string }[];
}

const labelWidth = 13;

/** The whole view, a line an element, none wider than `columns`. */
export function renderView(model: ViewModel, columns: number): readonly string[] {
  const { traffic } = model;
  const lines = [
    `Isthmus lab, ${duration(model.seconds)}    console ${model.console}    Ctrl-C stops everything`,
    '',
    ...labPaths.map((path) => labelled(path === 'sdk' ? 'by SDK' : 'by Envoy', rate(traffic[path]))),
    '',
    ...servicesOf(traffic).flatMap((service) =>
      labPaths.map((path, i) => labelled(i === 0 ? service : '', where(traffic[path], service, path))),
    ),
    '',
    ...labelledList('servers', states(model.parts, 'servers'), columns),
    ...labelledList('services', states(model.parts, 'services'), columns),
    ...labelledList(
      'bridge sees',
      model.sources.map(({ name, state }) => `${name} ${state}`),
      columns,
    ),
    ...model.notes.map((note, i) => labelled(i === 0 ? 'so far' : '', note)),
    ...(model.tries.length > 0 ? [''] : []),
    ...renderTries(model),
  ];
  return lines.map((line) => (line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line));
}

/** What to try next, a line a command. */
export function renderTries({ tries }: ViewModel): readonly string[] {
  return tries.map(({ command, why }, i) => labelled(i === 0 ? 'try' : '', `${command}    # ${why}`));
}

/** The same in one line, for logs. */
export function renderLine({ seconds, traffic, parts }: ViewModel): string {
  const rates = labPaths.map((path) => `${path} ${traffic[path].perSecond.toFixed(1)}/s ${count(traffic[path].errors, 'error')}`);
  const spread = labPaths.map((path) => `orders by ${path} ${percentages(traffic[path].services.get('orders') ?? [])}`);
  const unwell = parts
    .filter(({ state }) => state !== 'up' && !state.startsWith('waits for'))
    .map(({ name, state }) => `${name}: ${state}`);
  return [
    duration(seconds),
    ...rates,
    ...spread,
    ...(unwell.length > 0 ? unwell : [`${parts.filter(({ state }) => state === 'up').length} of ${parts.length} up`]),
  ].join(' | ');
}

function labelled(label: string, text: string): string {
  return `${label.padEnd(labelWidth)}${text}`.trimEnd();
}

function rate({ perSecond, errors, errorsSinceStart, lastError }: PathTraffic): string {
  const failed = `${count(errors, 'error')} in 10 s, ${errorsSinceStart} since the start`;
  return `${perSecond.toFixed(1).padStart(5)} checkouts/s   ${failed}${errors > 0 && lastError !== undefined ? ` (${lastError})` : ''}`;
}

function servicesOf(traffic: Traffic): readonly string[] {
  const names = labPaths.flatMap((path) => [...traffic[path].services.keys(), ...traffic[path].pending.keys()]);
  return [...new Set(names)].sort();
}

function where(traffic: PathTraffic, service: string, path: LabPath): string {
  const pending = traffic.pending.get(service);
  const found = traffic.services.get(service) ?? [];
  const parts = found.map(
    ({ instance, version, share }) => `${instance.slice(instance.lastIndexOf(':'))} ${version} ${percent(share)}`,
  );
  return `${path.padEnd(6)}${pending ?? (parts.join('   ') || 'no calls')}`;
}

function states(parts: readonly ViewPart[], group: ViewPart['group']): readonly string[] {
  return parts
    .filter((part) => part.group === group)
    .map(({ name, state }) => (state === 'up' ? `${name} ✔` : `${name}: ${state}`));
}

/** As many items on a line as fit. */
function labelledList(label: string, items: readonly string[], columns: number): readonly string[] {
  const gap = '   ';
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last !== undefined && labelWidth + last.length + gap.length + item.length <= columns)
      lines[lines.length - 1] = `${last}${gap}${item}`;
    else lines.push(item);
  }
  return lines.map((line, i) => labelled(i === 0 ? label : '', line));
}

function percentages(shares: readonly InstanceShare[]): string {
  return shares.length === 0 ? 'none' : shares.map(({ share }) => Math.round(share * 100)).join('/');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`.padStart(5);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
