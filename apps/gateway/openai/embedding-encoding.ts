import { failure } from '#protocol';

export type EmbeddingEncoding = 'float' | 'base64';

interface EmbeddingsAnswer {
  data: { embedding: unknown }[];
}

/**
 * An engine's answer with its vectors in the encoding that the client asked for. Engines may ignore `encoding_format`, and a
 * client that asked for base64 reads an array as garbage. Unchanged bytes when it is right already. Error: NODE_PROTOCOL.
 */
export function inEncoding(answer: Buffer, wanted: EmbeddingEncoding): Buffer {
  if (encodingOf(answer) === wanted) return answer;
  const parsed = parse(answer);
  const convert = wanted === 'base64' ? toBase64 : toFloats;
  return Buffer.from(JSON.stringify({ ...parsed, data: parsed.data.map((item) => ({ ...item, embedding: convert(item.embedding) })) }));
}

/** Float32 little-endian, base64. */
export function toBase64(embedding: unknown): string {
  if (typeof embedding === 'string') return embedding;
  if (!Array.isArray(embedding) || !embedding.every((value) => typeof value === 'number')) throw notEmbeddings();
  const bytes = Buffer.allocUnsafe(embedding.length * 4);
  embedding.forEach((value: number, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}

export function toFloats(embedding: unknown): number[] {
  if (Array.isArray(embedding)) return embedding as number[];
  const bytes = typeof embedding === 'string' ? Buffer.from(embedding, 'base64') : Buffer.alloc(0);
  if (bytes.length === 0 || bytes.length % 4 !== 0) throw notEmbeddings();
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

/** From the first vector: answers of megabytes are not parsed only to look. */
function encodingOf(answer: Buffer): EmbeddingEncoding | undefined {
  const at = answer.indexOf('"embedding":');
  if (at < 0) return undefined;
  const start = answer.subarray(at + '"embedding":'.length, at + 64).toString('latin1').trimStart();
  if (start.startsWith('[')) return 'float';
  return start.startsWith('"') ? 'base64' : undefined;
}

function parse(answer: Buffer): EmbeddingsAnswer {
  try {
    const parsed = JSON.parse(answer.toString('utf8')) as EmbeddingsAnswer;
    if (Array.isArray(parsed.data)) return parsed;
  } catch {
    // Said below.
  }
  throw notEmbeddings();
}

const notEmbeddings = () => failure('NODE_PROTOCOL', 'the engine answered something else than embeddings');
