import http from 'node:http';

interface Event {
  readonly event: string;
  readonly id?: string;
  readonly data: Record<string, unknown>;
}

/** A client of the stream that reads all of it. */
export class Client {
  readonly events: Event[] = [];
  ended = false;
  readonly #request: http.ClientRequest;

  constructor(port: number, service: string, instance: string, lastId?: string) {
    const headers = { ...(lastId === undefined ? {} : { 'last-event-id': lastId }), service, instance };
    let text = '';
    this.#request = http.get({ port, host: '127.0.0.1', headers, agent: false }, (response) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const whole = text.split('\n\n');
        text = whole.pop() ?? '';
        for (const one of whole) this.#take(one);
      });
      response.on('close', () => (this.ended = true));
    });
    this.#request.on('error', () => (this.ended = true));
  }

  get lastId(): string | undefined {
    return this.events.findLast((one) => one.id !== undefined)?.id;
  }

  of(kind: string): readonly Event[] {
    return this.events.filter(({ event }) => event === kind);
  }

  close(): void {
    this.#request.destroy();
  }

  #take(text: string): void {
    const lines = text.split('\n').filter((line) => !line.startsWith(':'));
    const field = (name: string): string | undefined =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const [event, data, lastId] = [field('event'), field('data'), field('id')];
    if (event === undefined || data === undefined) return;
    this.events.push({
      event,
      data: JSON.parse(data) as Record<string, unknown>,
      ...(lastId === undefined ? {} : { id: lastId }),
    });
  }
}
