import { AnswerError } from './answer-error.ts';

/** What an answer in XML says of the server's state, without reading its applications. */
export interface CheckedState {
  /** `UP_3_`, as in JSON. */
  readonly hash: string;
  /** The latest `lastUpdatedTimestamp` in it, on the server's clock; 0 where nothing has changed. */
  readonly newest: number;
}

/** Longer than what is looked for: it may stand on both sides of a cut. */
const OVERLAP = 512;

/**
 * Reads Eureka's delta in XML: the status counts stand at its beginning, and every instance says when it last changed. That is
 * enough to know that another answer of the same server is older, and takes no parser.
 */
export class CheckAnswer {
  #before = '';
  #hash: string | undefined;
  #newest = 0;

  push(chunk: Buffer): void {
    const text = this.#before + chunk.toString('latin1');
    // A list without instances has `<apps__hashcode></apps__hashcode>` or `<apps__hashcode/>`.
    this.#hash ??= /<apps__hashcode>([A-Z0-9_]*)<|<apps__hashcode\/>/.exec(text)?.slice(1).join('');
    for (const [, at] of text.matchAll(/<lastUpdatedTimestamp>(\d{1,16})</g)) this.#newest = Math.max(this.#newest, Number(at));
    this.#before = text.slice(-OVERLAP);
  }

  /** @throws AnswerError when this is no answer of Eureka's in XML. */
  end(): CheckedState {
    if (this.#hash === undefined) throw new AnswerError('answer.invalid', 'the answer in XML has no apps__hashcode');
    return { hash: this.#hash, newest: this.#newest };
  }
}
