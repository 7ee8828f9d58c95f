// What of the agent's package is loaded when it is first used, and not when a service starts: `--require` must not be felt.
import { dirname, join } from 'node:path';

/** Each is used by a service whose environment or plan asks for it, and its imports are many or dear. */
const OWN = new Set([
  'agent/src/agent.js',
  'agent/src/control/follow-control.js',
  'agent/src/control/reported-targets.js',
  'agent/src/followed-sockets.js',
  'agent/src/http/patch-http.js',
  'agent/src/provider/follow-inbound.js',
  'agent/src/provider/signals.js',
  'agent/src/registries/consul.js',
  'agent/src/registries/eureka.js',
  'agent/src/registries/nacos.js',
  'agent/src/trace-context.js',
  'agent/src/undici/patch-dispatcher.js',
]);

/** Node makes a context for them when they are first loaded: 1 to 6 ms each. */
const BUILT_IN = new Set(['node:crypto', 'node:fs/promises', 'node:http', 'node:https', 'node:net', 'node:tls']);

const REQUIRE = /^(?:const|var) (\w+) = ((?:__importDefault\()?require\("([^"]+)"\)\)?);$/gm;

/** What a plan may ask for at any time: the package may be replaced on disk, and what is loaded then must not be of another version. */
const SOON = new Set(['agent/src/agent.js']);
const SOON_MS = 1_000;

/**
 * @param file of the package, relative to it
 * @param text what TypeScript made of it: `(0, name_ts_1.used)(…)`
 * @returns the same with `(name_ts_1())` in place of what is loaded late; in parentheses, since `new name_ts_1().Used()` is something else
 */
export function loadedLate(file, text) {
  const late = [...text.matchAll(REQUIRE)].filter(([, , , id]) =>
    id.startsWith('.') ? OWN.has(join(dirname(file), id)) : BUILT_IN.has(id),
  );
  let changed = text;
  for (const [line, name, load] of late)
    changed = changed
      .replaceAll(new RegExp(`\\b${name}\\.(?=\\w)`, 'g'), `(${name}()).`)
      .replace(line, `let ${name}_loaded;\nconst ${name} = () => (${name}_loaded ??= ${load});`);
  if (!SOON.has(file)) return changed;
  const names = late.filter(([, , , id]) => !/control/.test(id)).map(([, name]) => name);
  return `${changed}setTimeout(() => {\n    try {\n        ${names.map((name) => `${name}();`).join('\n        ')}\n    }\n    catch {\n        // Said by whoever needs it.\n    }\n}, ${SOON_MS}).unref();\n`;
}
