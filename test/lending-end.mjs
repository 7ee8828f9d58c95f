/** After the last one; see lending.mjs. */
export default async function endLending() {
  await globalThis[Symbol.for('isthmus.lender')]?.close();
}
