import { formatPath } from './problem.ts';
import type { ConfigPath, ConfigProblem } from './problem.ts';
import type { YamlFile } from './yaml-file.ts';

/** Keys that could only hold the secret itself. `passwordFile` and `tokenEnv` name where it is and are fine. */
const SECRET_KEY = /^(?:password|passwd|pass|pwd|token|secret|accessToken|secretKey|accessKey|apiKey|privateKey)$/i;
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s@]*:[^/?#\s@]+@/i;

export interface SecretScan {
  readonly problems: readonly ConfigProblem[];
  /** True at and below a place that holds a secret: nothing else may be said of it, least of all its value. */
  covers(path: ConfigPath): boolean;
}

/** Finds secrets written into the file. Their values are in no message. */
export function scanSecrets(yaml: YamlFile): SecretScan {
  const problems: ConfigProblem[] = [];
  const found: ConfigPath[] = [];
  const visit = (value: unknown, path: ConfigPath): void => {
    const key = path.at(-1);
    if (typeof key === 'string' && SECRET_KEY.test(key)) {
      found.push(path);
      problems.push({
        file: yaml.file,
        ...yaml.keyAt(path),
        what: `${formatPath(path)} holds a secret in the config`,
        why: 'configs are committed, copied and shown; secrets come from files or the environment, never inline',
        remedy: `write it into a file of mode 0600 and say \`${key}File: secrets/...\`, or \`${key}Env: NAME\` for an environment variable`,
      });
      return;
    }
    if (typeof value === 'string' && URL_WITH_PASSWORD.test(value)) {
      found.push(path);
      problems.push({
        file: yaml.file,
        ...yaml.valueAt(path),
        what: `${formatPath(path)} holds a password in its URL`,
        why: 'configs are committed, copied and shown; secrets come from files or the environment, never inline',
        remedy: 'take user and password out of the URL and say `auth: { username: ..., passwordFile: secrets/... }`',
      });
      return;
    }
    if (Array.isArray(value)) value.forEach((item, i) => visit(item, [...path, i]));
    else if (typeof value === 'object' && value !== null) for (const [k, v] of Object.entries(value)) visit(v, [...path, k]);
  };
  visit(yaml.value, []);
  return { problems, covers: (path) => found.some((secret) => secret.every((part, i) => path[i] === part)) };
}
