/** Silence after which waiting acknowledgements go out, in milliseconds. */
const QUIET = 50;
/** They wait no longer than this; Nacos repeats a push after 5 s. */
const LONGEST = 2_000;
/** Sent in one turn of the event loop; 10,000 at once held it for 100 ms. */
const AT_ONCE = 200;

/**
 * Sends acknowledgements when the server is not pushing. Nacos 2 keeps what it waits for in a HashMap that pushing threads fill
 * while the acknowledging one empties it: of 500 services just subscribed to, acknowledged at once, 20 to 60 % were pushed again 5 s later
 * (docs/facts.md). Nacos 3 has a concurrent map.
 */
export class Acknowledgements {
  readonly #send: (type: string, requestId: string) => void;
  readonly #waiting: (readonly [type: string, requestId: string])[] = [];
  #timer: NodeJS.Timeout | undefined;
  #first = 0;

  constructor(send: (type: string, requestId: string) => void) {
    this.#send = send;
  }

  add(type: string, requestId: string): void {
    const now = performance.now();
    if (this.#waiting.length === 0) this.#first = now;
    this.#waiting.push([type, requestId]);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), Math.max(0, Math.min(QUIET, this.#first + LONGEST - now)));
    this.#timer.unref();
  }

  /** Sends what waits, and this, now: the connection may be closed soon. */
  addLast(type: string, requestId: string): void {
    this.#waiting.push([type, requestId]);
    while (this.#waiting.length > 0) this.#flush();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    for (const [type, requestId] of this.#waiting.splice(0, AT_ONCE)) this.#send(type, requestId);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#flush(), 0).unref();
  }
}
