/** A Pod's volumes as a kubelet makes them: who owns them, with which modes, and ConfigMaps and tokens exchanged in one step. */
import { randomUUID } from 'node:crypto';
import { chmod, lchown, lstat, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesServer } from './kubernetes.ts';
import type { Pod, Volume } from './pod-spec.ts';

interface PodFile {
  readonly text: string;
  readonly mode: number;
  /** Default root. */
  readonly user?: number;
}

/** Makes or renews all of them below `dir`. @returns where each is, by its name */
export async function makeVolumes(kubernetes: KubernetesServer, pod: Pod, dir: string): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>();
  for (const volume of pod.spec.volumes) {
    const at = join(dir, volume.name);
    made.set(volume.name, at);
    const files = await filesOf(kubernetes, pod, volume);
    // A claim's directory is bound by its provisioner, root's and nobody else's to write; what is in it stays.
    await mkdir(at, { recursive: true, mode: 0o755 });
    const group = pod.spec.securityContext.fsGroup;
    if (files === undefined) await own(at, group, 0o660);
    else {
      await chmod(at, 0o777);
      await exchange(at, files, () => own(at, group, 0o440));
    }
  }
  return made;
}

/** By path; undefined: the volume is not of files that the API server has. */
async function filesOf(
  kubernetes: KubernetesServer,
  pod: Pod,
  volume: Volume,
): Promise<ReadonlyMap<string, PodFile> | undefined> {
  const { namespace, name, uid } = pod.metadata;
  const configMap = async (map: string): Promise<Readonly<Record<string, string>>> => {
    const path = `/api/v1/namespaces/${namespace}/configmaps/${map}`;
    return ((await kubernetes.must({ path })) as { data: Record<string, string> }).data;
  };
  if ('persistentVolumeClaim' in volume) return undefined;
  const files = new Map<string, PodFile>();
  if ('configMap' in volume) {
    const mode = volume.configMap.defaultMode;
    for (const [key, text] of Object.entries(await configMap(volume.configMap.name))) files.set(key, { text, mode });
    return files;
  }
  const mode = volume.projected.defaultMode;
  for (const source of volume.projected.sources) {
    if ('serviceAccountToken' in source) {
      const { path, expirationSeconds } = source.serviceAccountToken;
      const answer = (await kubernetes.must({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName}/token`,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences: [], expirationSeconds, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
        },
      })) as { status: { token: string } };
      // pkg/volume/projected: the token is its user's alone where that is known, and becomes the group's below.
      files.set(path, { text: answer.status.token, mode: 0o600, user: pod.spec.securityContext.runAsUser });
    } else if ('configMap' in source) {
      const data = await configMap(source.configMap.name);
      for (const { key, path } of source.configMap.items) files.set(path, { text: data[key] ?? '', mode });
    } else for (const { path } of source.downwardAPI.items) files.set(path, { text: namespace, mode });
  }
  return files;
}

/** As pkg/volume/util/atomic_writer.go: `NAME → ..data/NAME`, `..data → ..<version>`, and the last link renamed over the old one. */
async function exchange(at: string, files: ReadonlyMap<string, PodFile>, finish: () => Promise<void>): Promise<void> {
  const before = await readlink(join(at, '..data')).catch(() => undefined);
  const version = `..${randomUUID()}`;
  await mkdir(join(at, version));
  await chmod(join(at, version), 0o755);
  for (const [path, { text, mode, user }] of files) {
    await writeFile(join(at, version, path), text);
    await chmod(join(at, version, path), mode);
    if (user !== undefined) await lchown(join(at, version, path), user, 0);
    await symlink(join('..data', path), join(at, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  await finish();
  await symlink(version, join(at, '..data_tmp'));
  await rename(join(at, '..data_tmp'), join(at, '..data'));
  if (before !== undefined) await rm(join(at, before), { recursive: true });
}

/** pkg/volume/volume_linux.go, SetVolumeOwnership: the group's, readable (and writable) by it, and what is made in it is the group's too. */
async function own(path: string, group: number, bits: number): Promise<void> {
  const { mode, uid } = await lstat(path);
  await lchown(path, uid, group);
  const type = mode & 0o170000;
  if (type === 0o120000) return;
  const isDirectory = type === 0o040000;
  await chmod(path, (mode & 0o7777) | bits | (isDirectory ? 0o2110 : 0));
  if (isDirectory) for (const entry of await readdir(path)) await own(join(path, entry), group, bits);
}
