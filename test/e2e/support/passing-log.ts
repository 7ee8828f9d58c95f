/** What an SDK that watches a service in Consul is told: every list of its passing instances, as it came. */
export class PassingLog {
  readonly lists: (readonly string[])[] = [];
  readonly #stop = new AbortController();

  constructor(consulPort: number, service: string) {
    void this.#follow(`http://127.0.0.1:${consulPort}/v1/health/service/${service}?passing`);
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(url: string): Promise<void> {
    for (let index = '0'; !this.#stop.signal.aborted;) {
      const answer = await fetch(`${url}&index=${index}&wait=10s`, { signal: this.#stop.signal }).catch(() => undefined);
      if (answer === undefined) return;
      index = answer.headers.get('x-consul-index') ?? '0';
      const entries = (await answer.json()) as { Service: { Address: string; Port: number } }[];
      this.lists.push(entries.map(({ Service }) => `${Service.Address}:${Service.Port}`).sort());
    }
  }
}
