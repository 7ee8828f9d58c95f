interface Entry {
  readonly time: number;
  readonly msg: string;
  readonly node?: string;
  readonly type?: string;
  readonly version?: string;
  readonly bytes?: number;
  readonly ms?: number;
}

/**
 * What a bridge with `ISTHMUS_LOG=debug` and one of its nodes said to each other, a line for each message.
 * @param log as far as it was kept
 * @param node a part of its id
 */
export function lastMessages(log: string, node: string): readonly string[] {
  return log.split('\n').flatMap((line) => {
    const entry = entryOf(line);
    if (entry?.node?.includes(node) !== true) return [];
    const { time, msg, type = '', version = '', bytes, ms } = entry;
    const size = bytes === undefined ? '' : `${bytes} bytes`;
    const after = ms === undefined ? '' : `after ${ms} ms`;
    const words = [new Date(time).toISOString().slice(11, 23), msg, type.split('.').at(-1), version.slice(0, 6), size, after];
    return words.filter((word) => word !== '').join(' ');
  });
}

/** Undefined: the line is cut. */
function entryOf(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}
