/** ms */
const TURN = 5;
/** ms that questions have at least, in a turn of which answers took all: a service that is not asked about tells nothing. */
const LEAST = 1;

type Task = () => void;

/**
 * What blocking queries cost, in pieces that leave the event loop to those who publish. When many services change at once, the
 * answers of hundreds of sockets are read in one turn; taken there, each with the question that follows it, they held the loop for
 * 60 ms and more, and a flush needs several turns: 480 ms until the first change of such a burst was told (docs/facts.md).
 *
 * So answers are taken in the order in which they came, for 5 ms in a turn; a lone one at once. A question is asked a turn later:
 * what its answer changed is told before.
 */
export class Turns {
  readonly #now: () => number;
  readonly #nextTurn: (run: () => void) => unknown;
  readonly #answers: Task[] = [];
  /** In the turn in which they came others go first. */
  readonly #newQuestions: Task[] = [];
  readonly #questions: Task[] = [];
  /** When answers have had their part of this turn; undefined: none was taken. */
  #ends: number | undefined;
  #scheduled = false;

  constructor(now: () => number = () => performance.now(), nextTurn: (run: () => void) => unknown = setImmediate) {
    this.#now = now;
    this.#nextTurn = nextTurn;
  }

  /** Settles as `take` does. */
  answer<Result>(take: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const task = () => settle(take, resolve, reject);
      if (this.#answers.length > 0 || (this.#ends !== undefined && this.#now() >= this.#ends)) this.#answers.push(task);
      else {
        this.#ends ??= this.#now() + TURN;
        task();
      }
      this.#schedule();
    });
  }

  /** Settles as `ask` does, which may find that nobody wants to know any more. */
  question<Result>(ask: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#newQuestions.push(() => settle(ask, resolve, reject));
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const ends = this.#now() + TURN;
    const answered = this.#run(this.#answers, ends);
    this.#run(this.#questions, Math.max(ends, this.#now() + LEAST));
    this.#questions.push(...this.#newQuestions.splice(0));
    this.#ends = answered > 0 ? ends : undefined;
    if (answered + this.#answers.length + this.#questions.length > 0) this.#schedule();
  }

  /** One at least. */
  #run(tasks: Task[], ends: number): number {
    let count = 0;
    for (const task of tasks) {
      if (count > 0 && this.#now() >= ends) break;
      count += 1;
      task();
    }
    tasks.splice(0, count);
    return count;
  }
}

function settle<Result>(
  run: () => Result | Promise<Result>,
  resolve: (result: Result | Promise<Result>) => void,
  reject: (thrown: unknown) => void,
): void {
  try {
    resolve(run());
  } catch (thrown) {
    reject(thrown);
  }
}
