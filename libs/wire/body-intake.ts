import { ReceiveCredit } from './credit.js';
import { protocolError } from './version.js';

/** Collects a request body of a length known beforehand. */
export class BodyIntake {
  private readonly credit = new ReceiveCredit();
  private readonly chunks: Buffer[] = [];
  private bytes = 0;

  constructor(private readonly expectedBytes: number) {}

  get whole(): boolean {
    return this.bytes === this.expectedBytes;
  }

  /** Takes a chunk; gives the credit to return now. Errors: NODE_PROTOCOL (no credit, more bytes than announced). */
  take(chunk: Buffer): number {
    this.credit.arrived();
    this.bytes += chunk.length;
    if (this.bytes > this.expectedBytes) throw protocolError(`the body is longer than the announced ${this.expectedBytes} bytes`);
    this.chunks.push(chunk);
    return this.credit.consume();
  }

  body(): Buffer {
    return Buffer.concat(this.chunks);
  }
}
