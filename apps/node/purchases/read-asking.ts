import { z } from 'zod';
import { x402Version } from '#protocol';
import type { Asking } from './sign-payment.js';

/** Longest header that is read, in characters: a way to pay takes about 500, and HTTP clients read 16 KiB of headers. */
const headerCharsMax = 16 * 1024;

/** As little as must be known: ways are judged one by one, and everything else is sent back as it came. */
const asking = z.object({ x402Version: z.literal(x402Version), accepts: z.array(z.json()).min(1).max(64), resource: z.json().optional(), extensions: z.json().optional() });

/** What a PAYMENT-REQUIRED header asks for; null where it is not one of version 2. */
export function readAsking(header: string | undefined): Asking | null {
  if (header === undefined || header.length > headerCharsMax) return null;
  try {
    return asking.parse(JSON.parse(Buffer.from(header, 'base64').toString('utf8')));
  } catch {
    return null;
  }
}
