/** Equal to the one in the root package.json (tested). */
export const VERSION = '0.1.0';
