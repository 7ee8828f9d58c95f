import { SdkViews } from './sdk-views.ts';

/** Wrappers of clients and the agent may come from two copies of the package: they meet here. */
const KEY = Symbol.for('isthmus.agent.views');

type WithViews = typeof globalThis & { [KEY]?: SdkViews };

/** What the SDKs of this process see; there before the agent is, because clients are often made first. */
export function processViews(): SdkViews {
  const shared = globalThis as WithViews;
  const existing = shared[KEY];
  if (existing !== undefined) return existing;
  const made = new SdkViews();
  Object.defineProperty(globalThis, KEY, { value: made, configurable: true });
  return made;
}
