import { connect } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Everything, further answers on the same connection included. */
  readonly text: string;
}

/** Sends bytes as they are, for what no HTTP client would send; resolves when the server closes or after `withinMs`. For tests. */
export async function sendRaw(url: string, bytes: string | Buffer | Iterable<Buffer>, withinMs = 20_000): Promise<RawAnswer> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void received.push(chunk));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const late = setTimeout(() => socket.destroy(), withinMs);
  for (const part of typeof bytes === 'string' ? [Buffer.from(bytes)] : Buffer.isBuffer(bytes) ? [bytes] : bytes) {
    if (socket.destroyed) break;
    if (!socket.write(part)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
  }
  await closed;
  clearTimeout(late);
  const text = Buffer.concat(received).toString();
  const [head = '', ...rest] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: rest.join('\r\n\r\n'), text };
}
