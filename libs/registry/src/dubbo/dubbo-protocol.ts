/** The mesh's name for a protocol of Dubbo's. Those that are HTTP say so; the others are bytes on a TCP connection. */
export function meshProtocol(dubbo: string): string {
  switch (dubbo.toLowerCase()) {
    case 'tri':
    case 'triple':
    case 'grpc':
      return 'grpc';
    case 'rest':
    case 'http':
    case 'hessian':
    case 'webservice':
      return 'http';
    case 'dubbo':
    case 'thrift':
    case 'native-thrift':
    case 'rmi':
      return 'tcp';
    default:
      return dubbo; // for `port.unknown-protocol`
  }
}
