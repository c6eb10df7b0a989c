/**
 * Whether 32 bytes are no point that an honest key or signature begins with: one of the eight of small order, under which a signature can be
 * made that holds for many messages, or an encoding of y at or above 2²⁵⁵ − 19, of which there is a second one. The bit of the sign is not looked at.
 */
export function isWeakPoint(bytes: Uint8Array): boolean {
  const [first, last] = [bytes[0]!, bytes[31]! & 0x7f];
  if (last === 0x00 || last === 0x7f) {
    // y = 0 and 1; y = p − 1 and everything above it.
    if (isAll(bytes, last === 0 ? 0x00 : 0xff) && (last === 0 ? first <= 0x01 : first >= 0xec)) return true;
  }
  return orderEight.some((point) => point[31] === last && point.every((byte, at) => at === 31 || byte === bytes[at]));
}

const isAll = (bytes: Uint8Array, value: number): boolean => bytes.subarray(1, 31).every((byte) => byte === value);

/** The y of the four points of order eight, little-endian. */
const orderEight = ['26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'].map((hex) =>
  Uint8Array.from({ length: 32 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16)),
);
