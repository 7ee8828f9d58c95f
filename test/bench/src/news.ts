import type { SourceEvent } from '@isthmus/model';

/** Which events say something else than the one before: Nacos pushes a service again that is as before, half a second ahead of its change. */
export class News {
  readonly #said = new Map<string, string>();

  /** The service's name; undefined: nothing new. */
  of(event: SourceEvent): string | undefined {
    if (event.kind !== 'upsert' && event.kind !== 'remove') return undefined;
    const { name } = event.kind === 'upsert' ? event.service.key : event.key;
    const said = event.kind === 'upsert' ? event.service.endpoints.map(textOf).join() : event.kind;
    if (this.#said.get(name) === said) return undefined;
    this.#said.set(name, said);
    return name;
  }
}

function textOf({
  address,
  port,
  weight,
  health,
}: {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly health: string;
}) {
  return `${address}:${port} ${weight} ${health}`;
}
