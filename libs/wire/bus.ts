/** What the protocol needs of a message bus; NATS in production. */
export abstract class WireBus {
  /** With `reply`, the receiver may answer there, and the absence of any receiver is told there as `noResponders`. */
  abstract publish(subject: string, payload: Uint8Array, reply?: string): void;
  /** Calls `receive` for each message in order; returns how to stop. */
  abstract subscribe(subject: string, receive: (message: WireMessage) => void): () => void;
  /** One question, one answer. Errors: NODE_UNREACHABLE with `reason` `no-responders`, `timeout` or `disconnected`. */
  abstract request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** A fresh subject prefix that only this end may listen to; append a token. */
  abstract inbox(): string;
}

export interface WireMessage {
  readonly subject: string;
  readonly payload: Buffer;
  readonly reply: string | undefined;
  /** The server's word that nobody listens where the message was sent. */
  readonly noResponders: boolean;
}
