import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { IsthmusError, messageOf } from '@isthmus/model';

export interface Failure {
  /** One sentence, naming the server. */
  readonly what: string;
  readonly remedy: string;
}

/** What an error of a connection means to whoever has to mend it. */
export function failureOf(server: string, thrown: unknown, usesTls: boolean): Failure {
  if (IsthmusError.is(thrown)) return { what: `${server}: ${thrown.message}`, remedy: thrown.remedy ?? 'see the message' };
  const { code, details = messageOf(thrown) } = thrown as Partial<ServiceError>;
  switch (code) {
    case status.UNAUTHENTICATED:
      return { what: `${server} does not accept our token: ${details}`, remedy: 'put a token of the server into auth.tokenFile' };
    case status.PERMISSION_DENIED:
      return {
        what: `${server} denies access, our credentials are not enough: ${details}`,
        remedy: 'give this client access there',
      };
    case status.RESOURCE_EXHAUSTED:
      return { what: `${server} refuses or sends too much: ${details}`, remedy: 'read fewer services, or another replica' };
    case status.UNIMPLEMENTED:
      return { what: `${server} speaks gRPC, but no aggregated discovery`, remedy: 'name the MCP port of the server' };
    case status.UNAVAILABLE:
      return { what: `${server} cannot be reached: ${details}`, remedy: remedyOf(details, usesTls) };
    default:
      return { what: `${server}: ${details}`, remedy: 'look at the log of the server' };
  }
}

function remedyOf(details: string, usesTls: boolean): string {
  if (/certificate|altname|self.signed|issuer/i.test(details))
    return 'give the authority of the server’s certificate in tls.caFile, and its name in tls.serverName if it is not the host dialled';
  if (usesTls) return 'check that a server runs there, and that it speaks TLS';
  return 'check that a server runs there; when it speaks TLS, add tls';
}
