/**
 * How long sound is, by its own bytes: machines and gateways count alike. `isCounted`: added up over all of the sound; otherwise its headers say it, which whoever made the
 * file could write as they liked.
 */
export interface SoundLength {
  readonly ms: number;
  readonly isCounted: boolean;
}

/** `undefined`: none of the formats below, or no sound. */
export function soundLength(sound: Buffer): SoundLength | undefined {
  const wav = wavMs(sound);
  if (wav !== undefined) return { ms: Math.ceil(wav), isCounted: true };
  const frames = framesLength(sound);
  if (frames !== undefined) return frames;
  const said = flacMs(sound) ?? oggMs(sound);
  return said === undefined ? undefined : { ms: Math.ceil(said), isCounted: false };
}

/**
 * RIFF/WAVE with samples as they are (PCM, float). Who writes it as it comes leaves its sizes open: the data end with the bytes then. As who plays it does, the first format is taken, and all data:
 * otherwise a second one would be heard and not be counted.
 */
function wavMs(sound: Buffer): number | undefined {
  if (sound.length < 44 || sound.toString('latin1', 0, 4) !== 'RIFF' || sound.toString('latin1', 8, 12) !== 'WAVE') return undefined;
  let bytesPerSecond: number | undefined;
  let bytes: number | undefined;
  for (let at = 12; at + 8 <= sound.length; ) {
    const [id, size] = [sound.toString('latin1', at, at + 4), sound.readUInt32LE(at + 4)];
    const start = at + 8;
    if (id === 'fmt ' && bytesPerSecond === undefined && start + 16 <= sound.length) {
      const format = sound.readUInt16LE(start);
      // By rate, channels and width, as who plays it reckons; the field for it could say anything.
      bytesPerSecond = format === 1 || format === 3 || format === 0xfffe ? (sound.readUInt32LE(start + 4) * sound.readUInt16LE(start + 2) * sound.readUInt16LE(start + 14)) / 8 : 0;
    }
    const isOpen = id === 'data' && size === 0;
    if (id === 'data') bytes = (bytes ?? 0) + Math.min(isOpen ? sound.length : size, sound.length - start);
    at = isOpen ? sound.length : start + size + (size % 2);
  }
  return bytes === undefined || bytesPerSecond === undefined || bytesPerSecond === 0 ? undefined : (bytes * 1_000) / bytesPerSecond;
}

interface SoundFrame {
  /** Format, version and rate: all frames of a recording have them in common, unless recordings were joined. */
  readonly kind: number;
  readonly bytes: number;
  readonly samples: number;
  /** Samples a second. */
  readonly rate: number;
}

const kbitsOfMpeg1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
const kbitsOfMpeg2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];
const ratesOfMpeg1 = [44_100, 48_000, 32_000, 0];
const ratesOfAac = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/** The MP3 or ADTS (AAC) frame whose header begins here. */
function frameAt(sound: Buffer, at: number): SoundFrame | undefined {
  if (at + 7 > sound.length || sound[at] !== 0xff || (sound[at + 1]! & 0xe0) !== 0xe0) return undefined;
  const layer = (sound[at + 1]! >> 1) & 3;
  if (layer === 1) return mp3Frame(sound, at);
  return layer === 0 && (sound[at + 1]! & 0xf0) === 0xf0 ? adtsFrame(sound, at) : undefined;
}

function mp3Frame(sound: Buffer, at: number): SoundFrame | undefined {
  const version = (sound[at + 1]! >> 3) & 3;
  const isMpeg1 = version === 3;
  const kbits = (isMpeg1 ? kbitsOfMpeg1 : kbitsOfMpeg2)[sound[at + 2]! >> 4]!;
  const rate = ratesOfMpeg1[(sound[at + 2]! >> 2) & 3]! / (isMpeg1 ? 1 : version === 2 ? 2 : 4);
  if (version === 1 || kbits === 0 || rate === 0) return undefined;
  const samples = isMpeg1 ? 1_152 : 576;
  return { kind: kindOf(sound, at, 0x0c), bytes: Math.floor((samples * kbits * 125) / rate) + ((sound[at + 2]! >> 1) & 1), samples, rate };
}

function adtsFrame(sound: Buffer, at: number): SoundFrame | undefined {
  const rate = ratesOfAac[(sound[at + 2]! >> 2) & 15];
  const bytes = ((sound[at + 3]! & 3) << 11) | (sound[at + 4]! << 3) | (sound[at + 5]! >> 5);
  return rate === undefined || bytes < 7 ? undefined : { kind: kindOf(sound, at, 0x3c), bytes, samples: ((sound[at + 6]! & 3) + 1) * 1_024, rate };
}

const kindOf = (sound: Buffer, at: number, rateBits: number): number => ((sound[at + 1]! & 0x1e) << 8) | (sound[at + 2]! & rateBits);

/**
 * MP3 or AAC: all frames. What is none is skipped, as decoders do, and bytes that only look like a frame's header are no frame: one is of the recording's own kind, or another follows it or the end.
 * Where more headers are skipped than chance explains, frames of other kinds may be there, parted or of layers that are not counted here: the sum is known to be what the file says, no more.
 */
function framesLength(sound: Buffer): SoundLength | undefined {
  const end = sound.length - (sound.length >= id3v1Bytes && sound.toString('latin1', sound.length - id3v1Bytes, sound.length - id3v1Bytes + 3) === 'TAG' ? id3v1Bytes : 0);
  const start = afterTags(sound);
  const first = frameAt(sound, start);
  const isFollowed = (at: number, { bytes }: SoundFrame): boolean => at + bytes === end || frameAt(sound, at + bytes) !== undefined;
  if (first === undefined || (start + first.bytes < end && !isFollowed(start, first))) return undefined;
  // Samples are whole numbers, and a sum of thousands of broken milliseconds is not exact.
  const samples = new Map<number, number>();
  const alone = { mpeg: 0, adts: 0 };
  let skippedBytes = 0;
  for (let at = isTableOfFrames(sound, start, first) ? start + first.bytes : start; at >= 0 && at < end; ) {
    const next = frameAt(sound, at);
    const isFrame = next !== undefined && (next.kind === first.kind || isFollowed(at, next));
    if (isFrame) {
      samples.set(next.rate, (samples.get(next.rate) ?? 0) + next.samples);
      at += next.bytes;
      continue;
    }
    if (isMpegHeader(sound, at)) alone.mpeg += 1;
    else if (next !== undefined) alone.adts += 1;
    const after = sound.indexOf(0xff, at + 1);
    skippedBytes += (after < 0 ? end : after) - at;
    at = after;
  }
  const ms = Math.ceil([...samples].reduce((sum, [rate, count]) => sum + (count * 1_000) / rate, 0));
  const isChance = (headers: number, bytesPerHeader: number): boolean => headers <= chanceMax(skippedBytes / bytesPerHeader);
  return { ms, isCounted: isChance(alone.mpeg, bytesPerMpegHeader) && isChance(alone.adts, bytesPerAdtsHeader) };
}

/**
 * An MPEG header of any version, layer and rate, the free ones too, whose frames players play and nothing here knows the length of: 11 bits of synchronisation and no field that
 * is reserved.
 */
function isMpegHeader(sound: Buffer, at: number): boolean {
  if (at + 4 > sound.length || sound[at] !== 0xff || (sound[at + 1]! & 0xe0) !== 0xe0) return false;
  const [version, layer] = [(sound[at + 1]! >> 3) & 3, (sound[at + 1]! >> 1) & 3];
  return version !== 1 && layer !== 0 && sound[at + 2]! >> 4 !== 15 && ((sound[at + 2]! >> 2) & 3) !== 3;
}

/** Of bytes at random one in 2,048 × (4/3)³ × 16/15 begins an MPEG header, and one in 16,384 × 16/13 an ADTS header. The largest frames (2,880 and 8,191 bytes) have more headers than that. */
const bytesPerMpegHeader = 5_178;
const bytesPerAdtsHeader = 20_165;

/** So many come by chance at most, where `expected` do on average: four standard deviations more, and two. */
const chanceMax = (expected: number): number => expected + 4 * Math.sqrt(expected) + 2;

const id3v1Bytes = 128;

/** Encoders put a frame before the first that holds no sound but a table of the others: players skip it. */
function isTableOfFrames(sound: Buffer, at: number, { bytes, samples }: SoundFrame): boolean {
  if (samples !== 1_152 && samples !== 576) return false;
  const isMono = sound[at + 3]! >> 6 === 3;
  const sideBytes = samples === 1_152 ? (isMono ? 17 : 32) : isMono ? 9 : 17;
  const nameAt = (offset: number): string => sound.toString('latin1', at + offset, at + offset + 4);
  return bytes > 40 && (['Xing', 'Info'].includes(nameAt(4 + sideBytes)) || nameAt(36) === 'VBRI');
}

/** Behind all ID3v2 tags, whose sizes are written in sevens of bits, and the zeros that fill up behind them. */
function afterTags(sound: Buffer): number {
  let at = 0;
  while (at + 10 <= sound.length && sound.toString('latin1', at, at + 3) === 'ID3') {
    const footerBytes = (sound[at + 5]! & 0x10) === 0 ? 0 : 10;
    at += 10 + [6, 7, 8, 9].reduce((size, byte) => size * 128 + (sound[at + byte]! & 127), 0) + footerBytes;
  }
  while (sound[at] === 0) at += 1;
  return at;
}

/** Rate (20 bits) and number of samples (36 bits) in STREAMINFO. */
function flacMs(sound: Buffer): number | undefined {
  if (sound.length < 26 || sound.toString('latin1', 0, 4) !== 'fLaC') return undefined;
  const rate = (sound.readUInt32BE(18) >>> 12) & 0xfffff;
  const samples = (sound[21]! & 15) * 2 ** 32 + sound.readUInt32BE(22);
  return rate === 0 || samples === 0 ? undefined : (samples * 1_000) / rate;
}

/** The position at the last page of Opus (always in 48 kHz) or Vorbis. */
function oggMs(sound: Buffer): number | undefined {
  const last = sound.lastIndexOf('OggS');
  if (sound.length < 64 || sound.toString('latin1', 0, 4) !== 'OggS' || last + 14 > sound.length) return undefined;
  const body = 27 + sound[26]!;
  const isOpus = sound.toString('latin1', body, body + 8) === 'OpusHead';
  const isVorbis = sound.toString('latin1', body, body + 7) === '\u0001vorbis';
  if ((!isOpus && !isVorbis) || body + 16 > sound.length) return undefined;
  const [rate, skipped] = isOpus ? [48_000, sound.readUInt16LE(body + 10)] : [sound.readUInt32LE(body + 12), 0];
  const samples = Number(sound.readBigInt64LE(last + 6)) - skipped;
  return rate === 0 || samples <= 0 ? undefined : (samples * 1_000) / rate;
}
