/** The classes of characters that RE2 knows by name. */

const POSIX_CLASSES = [
  'alnum',
  'alpha',
  'ascii',
  'blank',
  'cntrl',
  'digit',
  'graph',
  'lower',
  'print',
  'punct',
  'space',
  'upper',
  'word',
  'xdigit',
];

/** As in `[[:alpha:]]`. */
export function isPosixClass(name: string): boolean {
  return POSIX_CLASSES.includes(name);
}

/** As in `\p{Greek}` or `\pL`. */
export function isUnicodeClass(name: string): boolean {
  if (name === 'Any') return true;
  if (!/^[A-Z][A-Za-z_]*$/.test(name)) return false;
  const candidates = name.length <= 2 ? [`General_Category=${name}`] : [`Script=${name}`];
  return candidates.some((candidate) => {
    try {
      return new RegExp(`\\p{${candidate}}`, 'u').test('') || true;
    } catch {
      return false;
    }
  });
}
