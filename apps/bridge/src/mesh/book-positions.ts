import { positionOf } from '@isthmus/ladder';
import type { BookChange, PlanBook } from '@isthmus/plans';
import type { ConsumerPosition } from './consumer-policies.ts';

/** What agents are told by the plans, told to the mesh too, from now on. @returns what ends it */
export function followBook(book: PlanBook, take: (positions: readonly ConsumerPosition[]) => void): () => void {
  take([...book.pages()].map((page) => positionIn(book, page)));
  return book.onChange((change) => take([positionIn(book, change)]));
}

function positionIn(book: PlanBook, { target, consumers }: BookChange): ConsumerPosition {
  const [consumer = ''] = consumers;
  const said = book.targetFor(consumer, target);
  // Where their own plan has gone, that for all is still there.
  const isOfAll = consumer !== '*' && said === book.targetFor('*', target);
  if (said === undefined || isOfAll) return { consumers, target, position: undefined };
  return { consumers, target, position: positionOf(said.rung, said.percent, said.hand) };
}
