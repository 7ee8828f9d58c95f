import { status } from '@grpc/grpc-js';
import type { TypeUrl } from '@isthmus/model';
import { typeProblem } from './request-checks.ts';
import type { NodeInfo } from './resource-provider.ts';
import type { StreamOptions } from './stream-options.ts';
import { TypeStream } from './type-stream.ts';

const MAX_TYPES = 64;

/** @param before types that the stream has already */
export function newTypeStream(
  type: TypeUrl,
  before: number,
  node: NodeInfo,
  { onlyType, profile }: StreamOptions,
): TypeStream | { readonly code: status; readonly problem: string } {
  const problem = typeProblem(type, onlyType);
  if (problem !== undefined) return { code: status.INVALID_ARGUMENT, problem };
  if (before >= MAX_TYPES) return { code: status.RESOURCE_EXHAUSTED, problem: `more than ${MAX_TYPES} types on one stream` };
  return new TypeStream(type, profile.rules(type, node), profile.serves(type));
}
