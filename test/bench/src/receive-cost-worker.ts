// Sends so many bytes, and again whenever it is answered.
import { connect } from 'node:http2';
import { workerData } from 'node:worker_threads';

const { port, bytes } = workerData as { readonly port: number; readonly bytes: number };
const message = Buffer.alloc(bytes, 'a');
const stream = connect(`http://127.0.0.1:${port}`).request({ ':method': 'POST', ':path': '/' });
stream.on('data', () => stream.write(message));
stream.write(message);
