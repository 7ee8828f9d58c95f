import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Pod } from '@isthmus/servers';
import type { Names, PodAnswer, PodOrder, Served } from './pod-orders.ts';

/** The workload of a pod, see `pod-main.ts`. */
export class PodApplication {
  readonly pod: Pod;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  #last = 0;

  private constructor(pod: Pod, child: ChildProcess) {
    this.pod = pod;
    this.#child = child;
    child.on('message', (message: { id?: number; answer?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(message.id ?? 0);
      if (message.error === undefined) waiting?.resolve(message.answer);
      else waiting?.reject(new Error(message.error));
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the workload of ${pod.name} has ended`));
    });
  }

  static async start(pod: Pod): Promise<PodApplication> {
    const [program = '', ...args] = pod.command([process.execPath, '--no-warnings', join(import.meta.dirname, 'pod-main.ts')]);
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
    return new PodApplication(pod, child);
  }

  async serve(name: string, http: number, tcp: number): Promise<void> {
    await this.#ask({ kind: 'serve', name, http, tcp });
  }

  async forward(port: number, socket: string): Promise<void> {
    await this.#ask({ kind: 'forward', port, socket });
  }

  async served(): Promise<Served> {
    return (await this.#ask({ kind: 'served' })) as Served;
  }

  async http(host: string, port: number, path = '/', addresses: Names = {}): Promise<PodAnswer> {
    return (await this.#ask({ kind: 'http', host, port, path, addresses })) as PodAnswer;
  }

  async tcp(address: string, port: number): Promise<PodAnswer> {
    return (await this.#ask({ kind: 'tcp', address, port })) as PodAnswer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #ask(order: PodOrder): Promise<unknown> {
    this.#last += 1;
    const id = this.#last;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.send({ id, order });
    try {
      return await answer;
    } finally {
      this.#waiting.delete(id);
    }
  }
}
