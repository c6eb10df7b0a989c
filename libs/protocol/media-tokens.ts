import { soundLength } from './sound-length.js';

/**
 * What pictures and sound are in tokens and in time: a price may be for either. Machines count by these rules where their engine says nothing,
 * gateways reserve by them.
 */

/** A patch of 16 × 16 pixels is a token, as in the image models of OpenAI. */
const pixelsPerPatch = 16;

/** `size`: `1024x1536`. */
export function pictureTokens(size: string): number {
  const patches = (pixels: string | undefined): number => Math.ceil(Number(pixels ?? 0) / pixelsPerPatch) || 0;
  const [width, height] = size.split('x');
  return patches(width) * patches(height);
}

/** A tenth of a second of sound is a token. */
const tokensPerSecond = 10;

export const soundTokens = (seconds: number): number => Math.ceil(seconds * tokensPerSecond);

/** 4 kbit/s, less than what any codec of speech in use gives: so long a recording of so many bytes can be at most. */
const bytesPerSecondMin = 500;
/** Speech models write at most 448 tokens for each window of 30 s. */
const windowSeconds = 30;
const tokensPerWindowMax = 512;

/** The most tokens that a recording of so many bytes can be, and its text. */
export function recordingBound(bytes: number): { inputTokens: number; outputTokens: number } {
  const seconds = Math.ceil(bytes / bytesPerSecondMin);
  return { inputTokens: soundTokens(seconds), outputTokens: Math.ceil(seconds / windowSeconds) * tokensPerWindowMax };
}

/** Where nobody says how long a recording is: by a WAV file's own header, otherwise as if it had 64 kbit/s. */
export function likelySeconds(recording: Buffer): number {
  const isWav = recording.length >= 44 && recording.toString('latin1', 0, 4) === 'RIFF' && recording.toString('latin1', 8, 16) === 'WAVEfmt ';
  const bytesPerSecond = isWav ? recording.readUInt32LE(28) : 8_000;
  return recording.length / Math.max(bytesPerSecond, bytesPerSecondMin);
}

/** The longest that a recording can be, in milliseconds: by its own bytes where these can be added up. */
export function recordingMsBound(recording: Buffer): number {
  const length = soundLength(recording);
  return length?.isCounted === true ? length.ms : Math.ceil(recording.length / bytesPerSecondMin) * 1_000;
}

/** How long a recording is: as its engine says, or its own bytes do. Never more than is reserved. */
export function recordingMs(recording: Buffer, saidSeconds: number | undefined): number {
  const ms = saidSeconds === undefined ? (soundLength(recording)?.ms ?? likelySeconds(recording) * 1_000) : saidSeconds * 1_000;
  return Math.min(Math.ceil(ms), recordingMsBound(recording));
}

/** What a request to speak says about how long it takes. */
interface ToSpeak {
  readonly input: string;
  readonly speed?: number | undefined;
  readonly format?: string | undefined;
}

/** No voice takes longer for a byte of text: a figure is a word. */
const msPerByteMax = 500;
/** As OpenAI's. */
const speedMin = 0.25;
/** 24 kHz, 16 bit, one channel: `pcm` has no header that says so. */
const pcmBytesPerMs = 48;

/** The longest that a text can take to be spoken, with a moment of silence. */
export const speechMsBound = ({ input, speed = 1 }: ToSpeak): number => 2_000 + Math.ceil((Buffer.byteLength(input) * msPerByteMax) / Math.min(Math.max(speed, speedMin), 1));

/** How long speech is, by its own bytes. Never more than is reserved. */
export function speechMs(asked: ToSpeak, speech: Buffer): number {
  const ms = asked.format === 'pcm' ? speech.length / pcmBytesPerMs : (soundLength(speech)?.ms ?? likelySeconds(speech) * 1_000);
  return Math.min(Math.ceil(ms), speechMsBound(asked));
}

/** From the body of a request to speak. */
export const toSpeak = (asked: Readonly<Record<string, unknown>>): ToSpeak => ({
  input: typeof asked['input'] === 'string' ? asked['input'] : '',
  ...(typeof asked['speed'] === 'number' && { speed: asked['speed'] }),
  ...(typeof asked['response_format'] === 'string' && { format: asked['response_format'] }),
});
