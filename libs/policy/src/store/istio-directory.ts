import { YamlDirectory } from '@isthmus/config';
import type { DirectoryOptions } from '@isthmus/config';
import { MOST_FILE_BYTES, istioYamlSteps } from '../load/parse-istio-yaml.ts';
import type { IstioFile } from '../load/parse-istio-yaml.ts';

export interface IstioDirectoryOptions extends Omit<DirectoryOptions<IstioFile>, 'mostBytes' | 'read' | 'unreadable'> {
  /** Namespace of objects that name none. */
  readonly namespace: string;
}

/** Istio's objects in the files below a directory. */
export class IstioDirectory extends YamlDirectory<IstioFile> {
  constructor({ namespace, ...options }: IstioDirectoryOptions) {
    super({
      ...options,
      mostBytes: MOST_FILE_BYTES,
      read: (file, bytes) => istioYamlSteps(bytes, { file, defaultNamespace: namespace }),
      unreadable: (file, what) => ({ objects: [], problems: [unreadable(file, what)], refused: [], readable: false }),
    });
  }
}

function unreadable(file: string, what: string) {
  const severity = 'error' as const;
  return { severity, file, line: 1, column: 1, what, why: 'its rules cannot be known', remedy: 'make it readable for this user' };
}
