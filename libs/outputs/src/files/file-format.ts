import { hash } from 'node:crypto';
import type { MeshHost } from '@isthmus/model';

/** Longest name of a file on the usual file systems is 255 bytes; a host may have 253 characters. */
const LONGEST_STEM = 200;

/** The file of a host: `orders.default-group.public.nacos.yaml`. */
export function fileNameOf(host: MeshHost): string {
  if (host.length <= LONGEST_STEM) return `${host}.yaml`;
  return `${host.slice(0, LONGEST_STEM - 17).replace(/[-.]+$/, '')}-${contentHash(host)}.yaml`;
}

/** First line of every file of ours, and what says that a file is: who removes it makes the file their own. */
export function headerOf(meshId: string): string {
  return `# Written by Isthmus (mesh ${meshId}) and replaced when its service changes. See docs/outputs.md.\n`;
}

/** 64 bits of SHA-256. */
export function contentHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16);
}
