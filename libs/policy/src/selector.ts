/** Whether the labels have all that the selector names; no selector selects everything. */
export function selects(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return selector === undefined || Object.entries(selector).every(([name, value]) => labels[name] === value);
}
