/** Runs `work` on every item with at most `limit` at a time. Rejects with the first error, once the running ones have ended. */
export async function eachLimited<T>(items: Iterable<T>, limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed: { readonly thrown: unknown } | undefined;
  const worker = async () => {
    for (let next = iterator.next(); next.done !== true && failed === undefined; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (thrown) {
        failed ??= { thrown };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failed !== undefined) throw failed.thrown;
}
