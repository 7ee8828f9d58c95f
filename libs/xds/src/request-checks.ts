import type { TypeUrl } from '@isthmus/model';
import type { NodeInfo } from './resource-provider.ts';

/** Istio's ids have an IP, a Pod's name and a DNS domain: 600 characters at most. */
const MOST_ID_CHARACTERS = 1_024;
const MOST_TYPE_CHARACTERS = 256;

/** What is wrong with who the client says it is; it is a claim, but it is shown to people and used as a key. */
export function nodeProblem(node: NodeInfo | undefined, required: boolean): string | undefined {
  if (node === undefined || node.id === '') {
    return required ? 'the first request of a stream must say which node it is; set `node: { id, cluster }`' : undefined;
  }
  for (const [field, value] of [
    ['id', node.id],
    ['cluster', node.cluster],
  ] as const) {
    if (value.length > MOST_ID_CHARACTERS) {
      return `node.${field} has ${value.length} characters; at most ${MOST_ID_CHARACTERS} are taken`;
    }
    // oxlint-disable-next-line no-control-regex -- it is what we look for
    if (/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(value)) {
      return `node.${field} has control characters or is no UTF-8; use printable ones, e.g. sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local`;
    }
  }
  return undefined;
}

/** What is wrong with a type that is asked for the first time. Types that are well-formed but unknown are answered as empty. */
export function typeProblem(type: TypeUrl, onlyType: TypeUrl | undefined): string | undefined {
  if (type.length > MOST_TYPE_CHARACTERS)
    return `type_url has ${type.length} characters; at most ${MOST_TYPE_CHARACTERS} are taken`;
  if (type !== '' && (onlyType === undefined || type === onlyType)) return undefined;
  return `type_url "${type}" is not served on this stream; use the aggregated service for it`;
}
