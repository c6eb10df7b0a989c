/** What an answer holds at most: three quarters of the bus's mebibyte, the rest is for its frame. */
export const pageBytesMax = 768 * 1024;

/** Bytes of a member of a list on the wire, amounts as text and the comma included. */
export const wireBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member))) + 1;
