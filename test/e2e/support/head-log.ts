/** Every head of a shared ledger in Consul, as it was written: who led when. */
export class HeadLog {
  readonly heads: { readonly epoch: number; readonly revision: number; readonly leader: string | undefined }[] = [];
  readonly #stop = new AbortController();

  constructor(consulPort: number, prefix: string) {
    void this.#follow(`http://127.0.0.1:${consulPort}/v1/kv/${prefix}/head`);
  }

  close(): void {
    this.#stop.abort();
  }

  /** What is wrong with the order of writers; nothing is when no two led at once. */
  get violations(): readonly string[] {
    const found: string[] = [];
    const leaders = new Map<number, string>();
    let last = { epoch: 0, revision: 0 };
    for (const head of this.heads) {
      if (head.epoch < last.epoch) found.push(`epoch ${head.epoch} was written after ${last.epoch}`);
      if (head.revision < last.revision) found.push(`revision ${head.revision} was written after ${last.revision}`);
      const other = leaders.get(head.epoch) ?? head.leader;
      if (head.leader !== undefined && other !== head.leader) found.push(`${head.leader} and ${other} both led in ${head.epoch}`);
      if (head.leader !== undefined) leaders.set(head.epoch, head.leader);
      last = head;
    }
    return found;
  }

  async #follow(url: string): Promise<void> {
    for (let index = '0'; !this.#stop.signal.aborted;) {
      const answer = await fetch(`${url}?index=${index}&wait=10s`, { signal: this.#stop.signal }).catch(() => undefined);
      if (answer === undefined) return;
      index = answer.headers.get('x-consul-index') ?? '0';
      if (answer.status !== 200) continue;
      const [entry] = (await answer.json()) as { Value: string }[];
      const head = JSON.parse(Buffer.from(entry?.Value ?? '', 'base64').toString()) as {
        epoch: number;
        revision: number;
        leader: { id: string } | null;
      };
      this.heads.push({ epoch: head.epoch, revision: head.revision, leader: head.leader?.id });
    }
  }
}
