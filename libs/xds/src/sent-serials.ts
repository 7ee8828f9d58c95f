import type { Response, SharedResponses } from './shared-responses.ts';

/** The responses of one stream, by their numbers. */
export class SentSerials {
  readonly #responses: SharedResponses;
  readonly #first: number;
  #last: number;

  /** Made when the stream opens: no response that was made before is one of its own. */
  constructor(responses: SharedResponses) {
    this.#responses = responses;
    this.#last = responses.last;
    this.#first = this.#last + 1;
  }

  /** Of the newest response that it was sent, or that there was when it opened. */
  get last(): number {
    return this.#last;
  }

  readonly note = ({ serial }: Response): void => {
    this.#last = serial;
  };

  /** It cannot have been in a response of this stream. */
  isForeign(nonce: string): boolean {
    const serial = this.#responses.serialOf(nonce);
    return serial === undefined || serial < this.#first || serial > this.#last;
  }
}
