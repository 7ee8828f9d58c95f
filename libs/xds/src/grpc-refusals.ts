import { ServerInterceptingCall, status } from '@grpc/grpc-js';
import type { ServerInterceptor } from '@grpc/grpc-js';

/** What grpc-js says of a message that it does not hand over. Nothing of ours begins like that. */
const OF_GRPC = /^(?:Received message|Failed to decompress)/;

/**
 * grpc-js ends a stream by itself for a message that is too large, also once decompressed, and tells nobody but the client.
 * This makes it countable.
 */
export function grpcRefusals(tell: (refused: { address: string; code: string; reason: string }) => void): ServerInterceptor {
  return (_method, call) => {
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      const reason = sent.details ?? '';
      if (OF_GRPC.test(reason)) tell({ address: call.getPeer(), code: status[sent.code ?? status.UNKNOWN], reason });
      sendStatus(sent);
    };
    return new ServerInterceptingCall(call);
  };
}
