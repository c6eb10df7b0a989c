import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { likelySeconds, pictureTokens, recordingBound, soundTokens } from './media-tokens.js';

function wav(bytesPerSecond: number, bytes: number): Buffer {
  const file = Buffer.alloc(bytes);
  file.write('RIFF', 0);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(bytesPerSecond, 28);
  return file;
}

describe('tokens of what is no text', () => {
  it('are patches of pictures', () => {
    expect([pictureTokens('1024x1024'), pictureTokens('1536x1024'), pictureTokens('17x1'), pictureTokens('auto')]).toEqual([4_096, 6_144, 2, 0]);
  });

  it('are tenths of seconds of sound, as a WAV file says how long it is', () => {
    expect(soundTokens(likelySeconds(wav(32_000, 320_000)))).toBe(100);
    expect(soundTokens(likelySeconds(Buffer.alloc(80_000)))).toBe(100);
  });

  it('never come to more than is reserved, whatever a file says of itself', () => {
    fc.assert(fc.property(fc.nat(200_000), fc.nat(0xffff_ffff), (bytes, rate) => expect(soundTokens(likelySeconds(wav(rate, bytes + 44)))).toBeLessThanOrEqual(recordingBound(bytes + 44).inputTokens)));
  });
});
