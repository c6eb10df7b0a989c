import { z } from 'zod';
import { wireVersion } from './version.js';

/** Node → gateway in clear, in answer to an open frame of a session that the node cannot open. */
const notice = z.object({ v: z.literal(wireVersion), code: z.enum(['SESSION_UNKNOWN']) });

export const sessionUnknownNotice = (): Buffer => Buffer.from(JSON.stringify({ v: wireVersion, code: 'SESSION_UNKNOWN' }));

export function readNotice(payload: Buffer): 'SESSION_UNKNOWN' | undefined {
  try {
    return notice.safeParse(JSON.parse(payload.toString('utf8'))).data?.code;
  } catch {
    return undefined;
  }
}
