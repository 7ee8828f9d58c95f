/** ms */
const TURN = 5;

export interface PausableStream<Item> {
  on(event: 'data', listener: (item: Item) => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/**
 * Takes what a stream has, for 5 ms at most in one turn of the event loop; then everything else has its turn. One read of a
 * socket may have 400 of Nacos's pushes, which would hold the loop for 50 ms. What waits is left to the stream, whose flow control
 * bounds it.
 */
export function takeInTurns<Item>(
  stream: PausableStream<Item>,
  take: (item: Item) => void,
  now: () => number = () => performance.now(),
  nextTurn: (run: () => void) => unknown = setImmediate,
): void {
  let ends: number | undefined;
  stream.on('data', (item) => {
    if (ends === undefined) {
      ends = now() + TURN;
      nextTurn(() => {
        ends = undefined;
        stream.resume();
      });
    }
    take(item);
    if (now() >= ends) stream.pause();
  });
}
