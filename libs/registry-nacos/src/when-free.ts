import { pause } from '@isthmus/model';
import { NacosRefusal } from './errors.ts';

/** What Nacos 3 answers who reads a config at the moment in which it is written. */
const BUSY = 400;
const BUSY_PAUSES_MS = [10, 30, 100, 300];

/** Asks again where Nacos says that it cannot answer at this moment; what it says at the last try is thrown. */
export async function whenFree<T>(send: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (const ms of BUSY_PAUSES_MS) {
    try {
      return await send();
    } catch (thrown) {
      if (!(thrown instanceof NacosRefusal) || thrown.nacosCode !== BUSY || !thrown.message.includes('being modified'))
        throw thrown;
      await pause(ms, signal);
    }
  }
  return send();
}
