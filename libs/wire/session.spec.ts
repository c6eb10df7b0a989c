import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { acceptSession, offerSession } from './session.js';

const identity = generateKeyPairSync('ed25519');
const rawPublic = (key: typeof identity.publicKey): string => key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
const session = '0190f5c8-6a00-7000-8000-000000000001';
const node = '0190f5c8-6a00-7000-8000-000000000002';
const parties = { gateway: 'g1', node, nodePublicKey: rawPublic(identity.publicKey), session };

function open() {
  const offer = offerSession(parties);
  const { reply, ends } = acceptSession(offer.request, node, identity.privateKey);
  return { gateway: offer.finish(JSON.parse(JSON.stringify(reply))), node: ends };
}

describe('a session', () => {
  it('carries messages both ways', () => {
    const { gateway, node: atNode } = open();
    expect(atNode.opening.open(gateway.sealing.seal(Buffer.from('hello')))).toEqual({ kind: 'frame', plaintext: Buffer.from('hello') });
    expect(gateway.opening.open(atNode.sealing.seal(Buffer.from('salam')))).toEqual({ kind: 'frame', plaintext: Buffer.from('salam') });
  });

  it('is refused when another key signed it', () => {
    const offer = offerSession(parties);
    const { reply } = acceptSession(offer.request, node, generateKeyPairSync('ed25519').privateKey);
    expect(() => offer.finish(reply)).toThrow(/not signed by the node/);
  });

  it('is refused when the signature is about another node or another session', () => {
    const offer = offerSession(parties);
    expect(() => offer.finish(acceptSession(offer.request, session, identity.privateKey).reply)).toThrow(/not signed/);
    expect(() => offer.finish(acceptSession({ ...offer.request, session: node }, node, identity.privateKey).reply)).toThrow(/not signed/);
  });

  it('says so when the node speaks another version', () => {
    const offer = offerSession(parties);
    expect(() => offer.finish({ v: 7, error: { code: 'VERSION_UNSUPPORTED', message: 'this side speaks version 7' } })).toThrow(/refused the session: this side speaks version 7/);
  });

  it('is refused for a key of the wrong size', () => {
    expect(() => acceptSession({ ...offerSession(parties).request, ephemeral: Buffer.alloc(31, 1).toString('base64') }, node, identity.privateKey)).toThrow(/32 bytes/);
    expect(() => acceptSession({ ...offerSession(parties).request, ephemeral: Buffer.alloc(32).toString('base64') }, node, identity.privateKey)).toThrow(/usable/);
  });

  it('drops a message with any bit changed and goes on', () => {
    const { gateway, node: atNode } = open();
    const message = gateway.sealing.seal(Buffer.from('pay 10'));
    fc.assert(
      fc.property(fc.nat(message.length * 8 - 1), (bit) => {
        const changed = Buffer.from(message);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(atNode.opening.open(changed).kind).toBe('dropped');
      }),
    );
    expect(atNode.opening.open(message).kind).toBe('frame');
  });

  it('drops a repeated message, one of the other direction and one of another session', () => {
    const [one, two] = [open(), open()];
    const message = one.gateway.sealing.seal(Buffer.from('once'));
    expect(one.gateway.opening.open(message).kind).toBe('dropped');
    expect(two.node.opening.open(message).kind).toBe('dropped');
    expect(one.node.opening.open(message).kind).toBe('frame');
    expect(one.node.opening.open(message)).toEqual({ kind: 'dropped', why: 'repeated' });
  });

  it('is over when a message comes before its predecessor', () => {
    const { gateway, node: atNode } = open();
    gateway.sealing.seal(Buffer.from('lost'));
    expect(atNode.opening.open(gateway.sealing.seal(Buffer.from('next')))).toEqual({ kind: 'gap', missing: 1 });
  });
});
