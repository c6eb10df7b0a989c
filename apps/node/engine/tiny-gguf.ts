/**
 * A language model of half a megabyte for tests: the llama architecture with two layers of 64, one token for each byte, and
 * random weights from a fixed seed. What it says means nothing; how it is decoded is real. Only printable ASCII is ever likely.
 */
const width = 64;
const layers = 2;
const heads = 4;
const hidden = 128;
const contextTokens = 2_048;
/** GGUF's numbers for what a token is. */
const kind = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

const byteName = (value: number): string => `<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`;
/** The sentence-piece vocabulary: specials, 256 bytes, and the mark that stands for a space. */
const vocabulary: readonly (readonly [text: string, kind: number])[] = [
  ['<unk>', kind.unknown],
  ['<s>', kind.control],
  ['</s>', kind.control],
  ...Array.from({ length: 256 }, (_, value) => [byteName(value), kind.byte] as const),
  ['\u2581', kind.normal],
];
const firstByte = 3;
const isPrintable = (token: number): boolean => token >= firstByte + 0x21 && token <= firstByte + 0x7e;

/** GGUF's numbers for the types of metadata values. */
const type = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

class Bytes {
  private readonly parts: Buffer[] = [];
  length = 0;

  add(bytes: Buffer): this {
    this.parts.push(bytes);
    this.length += bytes.length;
    return this;
  }
  uint32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.add(bytes);
  }
  uint64(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return this.add(bytes);
  }
  float32(values: ArrayLike<number>): this {
    return this.add(Buffer.from(Float32Array.from(values).buffer));
  }
  text(value: string): this {
    const bytes = Buffer.from(value);
    return this.uint64(bytes.length).add(bytes);
  }
  pad(to: number): this {
    return this.add(Buffer.alloc((to - (this.length % to)) % to));
  }
  whole(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/** Normally distributed numbers, the same for the same seed (mulberry32, Box-Muller). */
function gauss(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 4_294_967_297;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

interface Tensor {
  readonly name: string;
  /** The fastest-running first, as GGUF has it. */
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

function tensors(seed: number): Tensor[] {
  const next = gauss(seed);
  const random = (name: string, shape: readonly number[], scale: number): Tensor => ({ name, shape, values: Array.from({ length: shape.reduce((a, b) => a * b) }, () => next() * scale) });
  const ones = (name: string): Tensor => ({ name, shape: [width], values: new Array<number>(width).fill(1) });
  const even = 1 / Math.sqrt(width);
  const output = random('output.weight', [width, vocabulary.length], 4 * even);
  const layer = (n: number): Tensor[] => [
    ones(`blk.${n}.attn_norm.weight`),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => random(`blk.${n}.${name}.weight`, [width, width], even)),
    ones(`blk.${n}.ffn_norm.weight`),
    random(`blk.${n}.ffn_gate.weight`, [width, hidden], even),
    random(`blk.${n}.ffn_up.weight`, [width, hidden], even),
    random(`blk.${n}.ffn_down.weight`, [hidden, width], 1 / Math.sqrt(hidden)),
  ];
  return [
    random('token_embd.weight', [width, vocabulary.length], 1),
    ones('output_norm.weight'),
    // A row of zeros is never the likeliest: no control characters, no end of text.
    { ...output, values: Array.from(output.values, (value, at) => (isPrintable(Math.floor(at / width)) ? value : 0)) },
    ...Array.from({ length: layers }, (_, n) => layer(n)).flat(),
  ];
}

function metadata(): { count: number; bytes: Buffer } {
  const out = new Bytes();
  let count = 0;
  const key = (name: string, of: number): Bytes => ((count += 1), out.text(name).uint32(of));
  const number = (name: string, value: number): Bytes => key(name, type.uint32).uint32(value);
  const list = (name: string, of: number): Bytes => key(name, type.array).uint32(of).uint64(vocabulary.length);
  key('general.architecture', type.string).text('llama');
  key('general.name', type.string).text('tiny');
  number('llama.context_length', contextTokens);
  number('llama.embedding_length', width);
  number('llama.block_count', layers);
  number('llama.feed_forward_length', hidden);
  number('llama.attention.head_count', heads);
  number('llama.attention.head_count_kv', heads);
  number('llama.rope.dimension_count', width / heads);
  number('llama.vocab_size', vocabulary.length);
  key('llama.attention.layer_norm_rms_epsilon', type.float32).float32([1e-5]);
  key('tokenizer.ggml.model', type.string).text('llama');
  list('tokenizer.ggml.tokens', type.string);
  for (const [text] of vocabulary) out.text(text);
  list('tokenizer.ggml.scores', type.float32).float32(vocabulary.map(() => 0));
  list('tokenizer.ggml.token_type', type.int32);
  for (const [, of] of vocabulary) out.uint32(of);
  number('tokenizer.ggml.unknown_token_id', 0);
  number('tokenizer.ggml.bos_token_id', 1);
  number('tokenizer.ggml.eos_token_id', 2);
  key('tokenizer.ggml.add_space_prefix', type.bool).add(Buffer.from([0]));
  return { count, bytes: out.whole() };
}

const alignment = 32;

/** The model as a GGUF file, version 3; the same bytes for the same seed. */
export function tinyGguf(seed = 1): Buffer {
  const weights = tensors(seed);
  const about = metadata();
  const out = new Bytes().add(Buffer.from('GGUF')).uint32(3).uint64(weights.length).uint64(about.count).add(about.bytes);
  let offset = 0;
  for (const { name, shape } of weights) {
    out.text(name).uint32(shape.length);
    for (const size of shape) out.uint64(size);
    out.uint32(0).uint64(offset);
    const bytes = shape.reduce((a, b) => a * b) * 4;
    offset += bytes + ((alignment - (bytes % alignment)) % alignment);
  }
  out.pad(alignment);
  for (const { values } of weights) out.float32(values).pad(alignment);
  return out.whole();
}
