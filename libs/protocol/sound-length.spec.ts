import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { recordingMs, recordingMsBound, speechMs, speechMsBound } from './media-tokens.js';
import { soundLength } from './sound-length.js';

function wav(ms: number, over: { rate?: number; dataBytes?: number; byteRate?: number; before?: Buffer } = {}): Buffer {
  const rate = over.rate ?? 16_000;
  const samples = Buffer.alloc((rate * 2 * ms) / 1_000);
  const head = Buffer.alloc(36);
  head.write('RIFF', 0);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(over.byteRate ?? rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  const data = Buffer.alloc(8);
  data.write('data', 0);
  data.writeUInt32LE(over.dataBytes ?? samples.length, 4);
  return Buffer.concat([head, over.before ?? Buffer.alloc(0), data, samples]);
}

/** MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes and 1,152 samples a frame. */
const mp3Frame = (): Buffer => Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x00]), Buffer.alloc(413)]);
const mp3 = (frames: number): Buffer => Buffer.concat(Array.from({ length: frames }, mp3Frame));
const id3 = (bytes: number): Buffer => Buffer.concat([Buffer.from('ID3'), Buffer.from([4, 0, 0, 0, 0, bytes >> 7, bytes & 127]), Buffer.alloc(bytes)]);

/** AAC in ADTS: 24 kHz, 1,024 samples a frame of 32 bytes. */
const adts = (frames: number): Buffer => Buffer.concat(Array.from({ length: frames }, () => Buffer.concat([Buffer.from([0xff, 0xf1, 0x58, 0x40, 32 >> 3, (32 & 7) << 5, 0xfc]), Buffer.alloc(25)])));

function flac(samples: number, rate: number): Buffer {
  const file = Buffer.alloc(42);
  file.write('fLaC', 0);
  file.writeUInt32BE(((rate << 12) | (15 << 4)) >>> 0, 18);
  file.writeUInt32BE(samples, 22);
  return file;
}

function oggPage(body: Buffer, granule: bigint): Buffer {
  const head = Buffer.alloc(28);
  head.write('OggS', 0);
  head.writeBigInt64LE(granule, 6);
  head[26] = 1;
  head[27] = body.length;
  return Buffer.concat([head, body]);
}
function opus(samples: number): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 0);
  head.writeUInt16LE(312, 10);
  return Buffer.concat([oggPage(head, 0n), oggPage(Buffer.alloc(200), BigInt(samples) + 312n)]);
}

describe('the length of sound', () => {
  it('is that of its samples or frames, whatever its headers say', () => {
    expect(soundLength(wav(1_500))).toEqual({ ms: 1_500, isCounted: true });
    expect(soundLength(wav(1_500, { byteRate: 0xffff_ffff, before: Buffer.from('LIST\x03\x00\x00\x00abc\x00', 'latin1') }))).toEqual({ ms: 1_500, isCounted: true });
    // A player takes the first format, and plays all data.
    const [first, second] = [wav(250), wav(1_000, { rate: 48_000 })];
    expect(soundLength(Buffer.concat([first, second.subarray(12)]))).toEqual({ ms: 250 + 3_000, isCounted: true });
    for (const dataBytes of [0, 0xffff_ffff]) expect(soundLength(wav(250, { dataBytes }))).toEqual({ ms: 250, isCounted: true });
    expect(soundLength(mp3(100))).toEqual({ ms: Math.ceil((100 * 1_152_000) / 44_100), isCounted: true });
    expect(soundLength(Buffer.concat([id3(300), mp3(4), Buffer.from('no frame'), mp3(4)]))).toEqual({ ms: Math.ceil((8 * 1_152_000) / 44_100), isCounted: true });
    expect(soundLength(adts(48))).toEqual({ ms: 2_048, isCounted: true });
  });

  /** Bytes from a generator of Lehmer's, all values but the seed the same in each run. */
  const junk = (bytes: number, seed: number): Buffer => {
    const made = Buffer.alloc(bytes);
    for (let at = 0, state = seed; at < bytes; at += 1) made[at] = (state = (state * 48_271) % 2_147_483_647) & 255;
    return made;
  };
  const frameMs = 1_152_000 / 44_100;
  const id3v1 = Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125, 0xfb)]);
  // 48 kHz: another kind than the recording's.
  const stray = Buffer.from([0xff, 0xfb, 0x94, 0x00]);

  it('does not count tags and junk before, between and behind frames, whatever stands in them', () => {
    const withFooter = Buffer.concat([Buffer.from('ID3'), Buffer.from([4, 0, 0x10, 0, 0, 0, 20]), Buffer.alloc(20), Buffer.from('3DI'), Buffer.alloc(7)]);
    const ape = Buffer.concat([Buffer.from('APETAGEX'), stray, Buffer.alloc(20), Buffer.from('APETAGEX'), Buffer.alloc(24)]);
    const covers: [string, Buffer, Buffer][] = [
      ['an ID3v1 tag', Buffer.alloc(0), id3v1],
      ['an ID3v1 tag that ends as a frame would', Buffer.alloc(0), Buffer.concat([Buffer.from('TAG'), Buffer.alloc(118), stray, Buffer.alloc(3)])],
      ['several ID3v2 tags, one with a footer, and padding', Buffer.concat([id3(200), withFooter, Buffer.alloc(700)]), id3v1],
      ['headers in a picture of a tag', Buffer.concat([Buffer.from('ID3'), Buffer.from([3, 0, 0, 0, 0, 3, 33]), mp3(1)]), Buffer.alloc(0)],
      ['an APE tag before an ID3v1 tag', Buffer.alloc(0), Buffer.concat([ape, id3v1])],
      ['a tag behind that is ID3v2', Buffer.alloc(0), id3(90)],
      ['a header that nothing follows', Buffer.alloc(0), Buffer.concat([stray, Buffer.alloc(500)])],
      ['junk', Buffer.alloc(0), junk(20_000, 7)],
    ];
    for (const [what, before, behind] of covers) expect([what, soundLength(Buffer.concat([before, mp3(100), behind]))]).toEqual([what, { ms: Math.ceil(100 * frameMs), isCounted: true }]);
    expect(soundLength(Buffer.concat([mp3(4), stray, Buffer.from('between'), mp3(4)]))).toEqual({ ms: Math.ceil(8 * frameMs), isCounted: true });
    // The table that encoders write first is of the form of a frame.
    const table = mp3Frame();
    table.write('Xing', 36, 'latin1');
    expect(soundLength(Buffer.concat([id3(9), table, mp3(10)]))).toEqual({ ms: Math.ceil(10 * frameMs), isCounted: true });
  });

  it('counts frames of its own kind also where each stands alone, and is not sure where others do', () => {
    const parted = (frame: () => Buffer): Buffer => Buffer.concat(Array.from({ length: 50 }, () => Buffer.concat([frame(), Buffer.from('x')])));
    expect(soundLength(Buffer.concat([mp3(2), Buffer.from('x'), parted(mp3Frame)]))).toEqual({ ms: Math.ceil(52 * frameMs), isCounted: true });
    const other = (): Buffer => Buffer.concat([stray, Buffer.alloc(380)]);
    const hidden = Buffer.concat([mp3(2), Buffer.from('x'), parted(other)]);
    expect(soundLength(hidden)).toEqual({ ms: Math.ceil(2 * frameMs), isCounted: false });
    expect(recordingMsBound(hidden)).toBe(Math.ceil(hidden.length / 500) * 1_000);
  });

  it.each<[string, number[], number]>([
    ['layer II', [0xff, 0xfd, 0xa4, 0x00], 576],
    ['layer I', [0xff, 0xff, 0x94, 0x00], 288],
    ['layer II of version 2.5, in the largest frames', [0xff, 0xe5, 0xe8, 0x00], 2_880],
    ['layer III of a free rate', [0xff, 0xfb, 0x00, 0x00], 900],
  ])('is not sure of it where frames that are not counted stand behind those that are: %s', (_what, header, bytes) => {
    const frame = Buffer.concat([Buffer.from(header), Buffer.alloc(bytes - 4)]);
    const hidden = Buffer.concat([mp3(2), ...Array.from({ length: 200 }, () => frame)]);
    expect(soundLength(hidden)).toEqual({ ms: Math.ceil(2 * frameMs), isCounted: false });
    expect(recordingMsBound(hidden)).toBe(Math.ceil(hidden.length / 500) * 1_000);
  });

  it('is not sure of it where the largest frames of AAC are parted behind MP3', () => {
    const frame = Buffer.concat([Buffer.from([0xff, 0xf1, 0x58, 0x43, 0xff, 0xff, 0xff]), Buffer.alloc(8_191 - 7)]);
    expect(soundLength(Buffer.concat([mp3(2), ...Array.from({ length: 200 }, () => Buffer.concat([frame, Buffer.from('x')]))]))).toEqual({ ms: Math.ceil(2 * frameMs), isCounted: false });
  });

  it('is sure of it though much stands behind that is no sound: headers in it are chance', () => {
    for (const seed of [7, 11, 13, 17]) for (const bytes of [3_000, 60_000, 1_000_000]) expect([seed, bytes, soundLength(Buffer.concat([mp3(100), junk(bytes, seed)]))?.isCounted]).toEqual([seed, bytes, true]);
  });

  it('is that of all recordings that were joined, each at its own rate', () => {
    const other = Buffer.concat([stray, Buffer.alloc(380)]);
    expect(soundLength(Buffer.concat([mp3(100), other, other, other]))).toEqual({ ms: Math.ceil(100 * frameMs + 72), isCounted: true });
  });

  it('is what the container says, and known to be only that, where frames are not counted', () => {
    expect(soundLength(flac(96_000, 48_000))).toEqual({ ms: 2_000, isCounted: false });
    expect(soundLength(opus(24_000))).toEqual({ ms: 500, isCounted: false });
  });

  it('is not known of anything else, and nothing that anyone sends breaks it', () => {
    for (const none of [Buffer.alloc(0), Buffer.from('OggS'), Buffer.from('RIFF0000WAVE'), Buffer.alloc(300_000, 7), Buffer.from([0xff, 0xfb]), flac(0, 48_000)]) expect(soundLength(none)).toBeUndefined();
    const starts = [wav(10), mp3(3), id3(5), adts(3), flac(9, 8_000), opus(900)];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.nat(), fc.nat(255), fc.nat(), (file, at, byte, cut) => {
        const changed = Buffer.from(file);
        changed[at % file.length] = byte;
        const { ms = 0 } = soundLength(changed.subarray(0, cut % (file.length + 1))) ?? {};
        expect(Number.isFinite(ms) && ms >= 0).toBe(true);
      }),
      { seed: 20_260_101, numRuns: 2_000 },
    );
  });
});

describe('the time of sound', () => {
  it('is as an engine or the recording says it, and never above what is reserved', () => {
    expect([recordingMsBound(wav(2_000)), recordingMs(wav(2_000), undefined), recordingMs(wav(2_000), 1.2345), recordingMs(wav(2_000), 60)]).toEqual([2_000, 2_000, 1_235, 2_000]);
    // A container could say anything: what its bytes can hold is reserved.
    const said = Buffer.concat([opus(24_000), Buffer.alloc(10_000)]);
    expect(recordingMsBound(said)).toBe(Math.ceil(said.length / 500) * 1_000);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }), (bytes, seconds) => expect(recordingMs(Buffer.from(bytes), seconds)).toBeLessThanOrEqual(recordingMsBound(Buffer.from(bytes)))));
  });

  it('is that of the bytes of speech, within what its text can take at its speed', () => {
    expect([speechMs({ input: 'Good morning.' }, wav(1_000)), speechMs({ input: 'Good morning.', format: 'pcm' }, Buffer.alloc(96_000))]).toEqual([1_000, 2_000]);
    expect([speechMsBound({ input: 'abcd' }), speechMsBound({ input: 'abcd', speed: 0.5 }), speechMsBound({ input: 'abcd', speed: 4 }), speechMsBound({ input: 'abcd', speed: 0 })]).toEqual([4_000, 6_000, 4_000, 10_000]);
    expect(speechMs({ input: 'a' }, wav(60_000))).toBe(speechMsBound({ input: 'a' }));
  });
});
