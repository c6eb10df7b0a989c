import { limits } from '#protocol';
import { protocolError } from './version.js';

/** A sealed message is a chunk, its frame's header and the seal: 31 bytes more; rounded up. */
export const messageBytesMax = limits.chunkBytes + 1_024;
const prefixBytes = 4;

/** length (4 B, big endian) ‖ message. A length of 0 says only that the stream is alive. */
export function prefixed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(prefixBytes + message.length);
  bytes.writeUInt32BE(message.length);
  message.copy(bytes, prefixBytes);
  return bytes;
}

/** Finds messages in a stream of bytes, however it is cut. Holds at most one message. */
export class MessageStream {
  private held: Buffer[] = [];
  private heldBytes = 0;

  /** What is complete now. Error: NODE_PROTOCOL for a message over the limit, before its bytes are kept. */
  take(chunk: Buffer): Buffer[] {
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    const messages: Buffer[] = [];
    for (let length = this.nextLength(); length !== undefined && this.heldBytes >= prefixBytes + length; length = this.nextLength()) {
      const all = this.joined();
      if (length > 0) messages.push(all.subarray(prefixBytes, prefixBytes + length));
      this.held = [all.subarray(prefixBytes + length)];
      this.heldBytes = all.length - prefixBytes - length;
    }
    return messages;
  }

  private nextLength(): number | undefined {
    if (this.heldBytes < prefixBytes) return undefined;
    const first = this.held[0]!.length >= prefixBytes ? this.held[0]! : this.joined();
    const length = first.readUInt32BE(0);
    if (length > messageBytesMax) throw protocolError(`a message of ${length} bytes is over ${messageBytesMax}`);
    return length;
  }

  private joined(): Buffer {
    if (this.held.length > 1) this.held = [Buffer.concat(this.held)];
    return this.held[0]!;
  }
}
