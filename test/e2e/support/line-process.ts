import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** A program that takes a line of JSON on stdin and answers each with a line `> {…}` on stdout; ends when its stdin does. */
export class LineProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: string[] = [];
  #log = '';
  #heard: () => void = () => undefined;
  #ended = false;

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    child.stdin.on('error', () => undefined); // EPIPE: `exit` tells
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('> ')) return;
      this.#answers.push(line.slice(2));
      this.#heard();
    });
    child.stderr.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
    child.once('close', () => {
      this.#ended = true;
      this.#heard();
    });
  }

  static start(command: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}): LineProcess {
    const [program, ...args] = command;
    return new LineProcess(spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } }));
  }

  /** One order at a time. @throws {Error} with its log when it has ended */
  async ask<T>(order: object): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    return this.next<T>();
  }

  /** What it says next, asked or not. */
  async next<T>(): Promise<T> {
    while (this.#answers.length === 0) {
      if (this.#ended) throw new Error(`it has ended:\n${this.#log}`);
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
    return JSON.parse(this.#answers.shift() as string) as T;
  }

  get log(): string {
    return this.#log;
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
