/** As `toLowerCase`; a text of ASCII that has nothing to lower is itself, of which V8 would make a copy. */
export function lowerCase(text: string): string {
  return /^[^A-Z\u0080-\uffff]*$/.test(text) ? text : text.toLowerCase();
}
