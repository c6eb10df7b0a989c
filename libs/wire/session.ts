import { createHash, diffieHellman, generateKeyPairSync, hkdfSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import { base64, isSignedBy, slug, uuid, x25519PublicKey, x25519RawPublic } from '#protocol';
import { OpeningEnd, SealingEnd } from './seal.js';
import { protocolError, wireVersion } from './version.js';

/** Gateway → node on `node.<id>.down.session`. */
export const sessionRequest = z.object({ v: z.literal(wireVersion), gateway: slug, session: uuid, ephemeral: base64 });
export type SessionRequest = z.output<typeof sessionRequest>;

/** Node → gateway: its half of the key exchange under its identity, or why not. */
export const sessionReply = z.union([
  z.object({ v: z.literal(wireVersion), ephemeral: base64, signature: base64 }),
  z.object({ v: z.int(), error: z.object({ code: z.string().max(64), message: z.string().max(500) }) }),
]);

/** The two sealed directions of an open session, as one side sees them. */
export interface SessionEnds {
  readonly sealing: SealingEnd;
  readonly opening: OpeningEnd;
}

interface Transcript {
  readonly node: string;
  readonly request: SessionRequest;
  readonly ephemeral: string;
}

const transcriptBytes = (of: Transcript): Buffer =>
  Buffer.from(`mizan-session-v1\n${canonicalJson({ node: of.node, gateway: of.request.gateway, session: of.request.session, gatewayEphemeral: of.request.ephemeral, nodeEphemeral: of.ephemeral })}`);

/** Both keys come from the shared secret and everything both sides said. */
function keysOf(secret: Buffer, transcript: Buffer): { down: Buffer; up: Buffer } {
  const salt = createHash('sha256').update(transcript).digest();
  const derive = (direction: string): Buffer => Buffer.from(hkdfSync('sha256', secret, salt, `mizan-wire-v1 ${direction}`, 32));
  return { down: derive('down'), up: derive('up') };
}

function agree(privateKey: KeyObject, peer: string): Buffer {
  const raw = Buffer.from(peer, 'base64');
  if (raw.length !== 32) throw protocolError('an ephemeral key is not 32 bytes');
  try {
    return diffieHellman({ privateKey, publicKey: x25519PublicKey(raw) });
  } catch (error) {
    throw protocolError('an ephemeral key is not a usable X25519 key', {}, error);
  }
}

/** The gateway's first half: what to send, and how to finish with the node's reply. */
export interface SessionOffer {
  readonly request: SessionRequest;
  /** Errors: NODE_PROTOCOL (refused, malformed, or not signed by the node). */
  finish(reply: unknown): SessionEnds;
}

export function offerSession(parties: { gateway: string; node: string; nodePublicKey: string; session: string }): SessionOffer {
  const pair = generateKeyPairSync('x25519');
  const request: SessionRequest = { v: wireVersion, gateway: parties.gateway, session: parties.session, ephemeral: x25519RawPublic(pair.publicKey).toString('base64') };
  return {
    request,
    finish: (reply) => {
      const parsed = sessionReply.safeParse(reply);
      if (!parsed.success) throw protocolError('the node answered the session request with something else');
      if ('error' in parsed.data) throw protocolError(`the node refused the session: ${parsed.data.error.message}`, { reason: parsed.data.error.code });
      const transcript = transcriptBytes({ node: parties.node, request, ephemeral: parsed.data.ephemeral });
      if (!isSignedBy(parties.nodePublicKey, transcript, parsed.data.signature)) {
        throw protocolError("the session is not signed by the node's identity key");
      }
      const keys = keysOf(agree(pair.privateKey, parsed.data.ephemeral), transcript);
      return { sealing: new SealingEnd(keys.down, parties.session, 'down'), opening: new OpeningEnd(keys.up, parties.session, 'up') };
    },
  };
}

/** The node's half: the reply that proves its identity, and the session's ends. Error: NODE_PROTOCOL. */
export function acceptSession(request: SessionRequest, node: string, identity: KeyObject): { reply: z.input<typeof sessionReply>; ends: SessionEnds } {
  const pair = generateKeyPairSync('x25519');
  const ephemeral = x25519RawPublic(pair.publicKey).toString('base64');
  const transcript = transcriptBytes({ node, request, ephemeral });
  const keys = keysOf(agree(pair.privateKey, request.ephemeral), transcript);
  return {
    reply: { v: wireVersion, ephemeral, signature: sign(null, transcript, identity).toString('base64') },
    ends: { sealing: new SealingEnd(keys.up, request.session, 'up'), opening: new OpeningEnd(keys.down, request.session, 'down') },
  };
}
