/** SHA-256 of some bytes; comes in as a parameter, so that the same code runs in Node and in a browser. The bytes are the caller's again when it returns. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

/** Length of every hash of the tree, in bytes. */
export const hashBytes = 32;
