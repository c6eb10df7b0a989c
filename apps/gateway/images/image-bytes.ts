import { failure } from '#protocol';

/** What engines take, by the first bytes of the file: what a sender claims is not relied on. */
const signatures: readonly { readonly type: string; readonly is: (bytes: Buffer) => boolean }[] = [
  { type: 'image/png', is: (bytes) => bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex')) },
  { type: 'image/jpeg', is: (bytes) => bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex')) },
  { type: 'image/gif', is: (bytes) => /^GIF8[79]a/.test(bytes.toString('latin1', 0, 6)) },
  { type: 'image/webp', is: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP' },
];

/** As OpenAI's limit was for long; its base64 fits a body (`limits.imageBodyBytesMax`). */
export const imageBytesMax = 10 * 1024 * 1024;
export const imageTypes = signatures.map(({ type }) => type);

/** The media type by the first bytes. */
export const typeOfImage = (bytes: Buffer): string | undefined => signatures.find(({ is }) => is(bytes))?.type;

/** The media type of an image's bytes. Error: REQUEST_INVALID. */
export function imageType(bytes: Buffer, param: string): string {
  const known = typeOfImage(bytes);
  if (!known) throw failure('REQUEST_INVALID', `${param} is not an image of type ${imageTypes.join(', ')}`, { param });
  return known;
}

/** The bytes of a `data:` URL. Error: REQUEST_INVALID. */
export function imageOfDataUrl(url: string, param: string): Buffer {
  const comma = url.indexOf(',');
  if (!/^data:image\/[a-z0-9.+-]+;base64$/i.test(url.slice(0, Math.min(comma, 100)))) throw failure('REQUEST_INVALID', `${param} must be data:image/<type>;base64,<bytes>`, { param });
  const bytes = Buffer.from(url.slice(comma + 1), 'base64');
  if (bytes.length > imageBytesMax) throw failure('REQUEST_INVALID', `${param} has ${bytes.length} bytes; at most ${imageBytesMax}`, { param });
  // Buffer skips what is no base64; an image whose text is not what its bytes give was not one.
  if (Math.ceil(bytes.length / 3) * 4 - url.length + comma + 1 > 2) throw failure('REQUEST_INVALID', `${param} is not base64`, { param });
  return bytes;
}
