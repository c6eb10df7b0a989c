/** A way of its own between a gateway and one session of a node, beside the bus: what is sealed goes over it, in order. */
export interface Link {
  /** False when the link has ended. */
  send(message: Buffer): boolean;
  /** Nothing is heard of it after this. */
  close(): void;
}

export interface LinkEvents {
  receive(message: Buffer): void;
  /** Once, when the link has ended by itself. */
  ended(): void;
}

/**
 * Links a session to its node at a URL. `hello` is the session's first sealed message: only the gateway that opened the session can have made it, and
 * it counts once. Error: any, when the node cannot be reached there or does not take it.
 */
export type Dial = (url: string, session: string, hello: Buffer, events: LinkEvents) => Promise<Link>;
