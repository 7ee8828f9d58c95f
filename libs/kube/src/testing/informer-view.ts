import type { InformerEvent, InformerStatus } from '../informer.ts';

export interface InformerView<Kept> {
  readonly objects: ReadonlyMap<string, Kept>;
  readonly events: readonly InformerEvent<Kept>[];
  readonly status: InformerStatus | undefined;
  /** @throws Error when the condition does not come true within the deadline, or the informer has ended. */
  until(what: string, condition: (view: InformerView<Kept>) => boolean, deadlineMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** Reads an informer into what its reader would know. */
export function viewOf<Kept>(start: (signal: AbortSignal) => AsyncIterable<InformerEvent<Kept>>): InformerView<Kept> {
  const abort = new AbortController();
  const events: InformerEvent<Kept>[] = [];
  const looks = new Set<() => void>();
  let objects = new Map<string, Kept>();
  let status: InformerStatus | undefined;
  const apply = (event: InformerEvent<Kept>): void => {
    switch (event.kind) {
      case 'snapshot':
        objects = new Map(event.objects);
        break;
      case 'upsert':
        objects.set(event.key, event.object);
        break;
      case 'remove':
        objects.delete(event.key);
        break;
      case 'status':
        status = event.status;
        break;
      default:
        event satisfies never;
    }
  };
  const reading = (async () => {
    for await (const event of start(abort.signal)) {
      events.push(event);
      apply(event);
      for (const look of looks) look();
    }
  })();
  const view: InformerView<Kept> = {
    get objects() {
      return objects;
    },
    events,
    get status() {
      return status;
    },
    until: (what, condition, deadlineMs = 10_000) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error): void => {
          clearTimeout(timer);
          clearInterval(poll);
          looks.delete(look);
          if (error === undefined) resolve();
          else reject(error);
        };
        const look = (): void => {
          if (condition(view)) finish();
        };
        const describe = () =>
          `${JSON.stringify(status)}, ${objects.size} objects: ${[...objects.keys()].slice(0, 5).join(', ')}`;
        const timer = setTimeout(
          () => finish(new Error(`"${what}" did not come true in ${deadlineMs} ms; ${describe()}`)),
          deadlineMs,
        );
        const poll = setInterval(look, 50);
        looks.add(look);
        look();
      }),
    stop: async () => {
      abort.abort();
      await reading;
    },
  };
  return view;
}
