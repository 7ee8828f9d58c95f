import { mkdir, open, readFile, readdir, rename, unlink, writeFile } from 'node:fs/promises';

/** The few things that the output does with files; tests put a full disk in its place. */
export interface FileSystem {
  /** Makes it with its parents; fine when it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory. */
  list(path: string): Promise<readonly string[]>;
  read(path: string): Promise<string>;
  /** The first bytes, at most `length`. */
  head(path: string, length: number): Promise<string>;
  write(path: string, text: string): Promise<void>;
  /** In one step: who reads sees the old content or the new. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const realFiles: FileSystem = {
  makeDirectory: async (path) => void (await mkdir(path, { recursive: true })),
  list: (path) => readdir(path),
  read: (path) => readFile(path, 'utf8'),
  head: async (path, length) => {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  },
  write: (path, text) => writeFile(path, text),
  rename,
  remove: (path) => unlink(path),
};
