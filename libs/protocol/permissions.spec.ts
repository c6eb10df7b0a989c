import { describe, expect, it } from '@jest/globals';
import { actions, credentialNames, credentialPermissions, grants, isAllowed, nodePermissions, roles } from './index.js';

describe('NATS permissions', () => {
  it('give nobody everything', () => {
    for (const name of credentialNames) {
      const { publish, subscribe } = credentialPermissions(name);
      expect([...publish, ...subscribe]).not.toContain('>');
      expect([...publish, ...subscribe]).not.toContain('*.>');
    }
  });

  it('let only the provisioning step use the whole JetStream API, and no node any of it', () => {
    for (const name of credentialNames.filter((each) => each !== 'provision')) expect(credentialPermissions(name).publish).not.toContain('$JS.API.>');
    expect(JSON.stringify(nodePermissions('n1'))).not.toContain('$JS');
  });

  it('keep a node to its own subjects', () => {
    expect(nodePermissions('n1')).toEqual({ publish: ['node.n1.up.>'], subscribe: ['node.n1.down.>', '_INBOX_n1.>'], responses: true });
  });

  it('open a stream to those alone who consume it: others could acknowledge or delete in their place', () => {
    const openTo = (stream: string): string[] => credentialNames.filter((name) => credentialPermissions(name).publish.some((subject) => subject.startsWith(`$JS.ACK.${stream}.`)));
    expect({ RECORDS: openTo('RECORDS'), EVENTS: openTo('EVENTS'), RECEIPTS: openTo('RECEIPTS') }).toEqual({ RECORDS: ['billing', 'governance'], EVENTS: ['scheduler', 'billing', 'settlement'], RECEIPTS: ['billing'] });
  });

  it('let no service read, acknowledge or delete another one’s durable consumer', () => {
    const { publish } = credentialPermissions('governance');
    const consumers = publish.filter((subject) => /^\$JS\.(API\.CONSUMER|ACK)\..*(RECORDS|EVENTS|RECEIPTS)/.test(subject));
    expect(consumers.length).toBeGreaterThan(0);
    expect(consumers.filter((subject) => !subject.includes('RECORDS.governance-log'))).toEqual([]);
  });

  it('let billing ask governance for ended records, and for nothing else', () => {
    expect(credentialPermissions('billing').publish.filter((subject) => subject.startsWith('mizan.rpc.governance'))).toEqual(['mizan.rpc.governance.records.ends', 'mizan.rpc.governance.records.ended']);
  });

  it('let the scheduler ask governance what is held, and for nothing else', () => {
    expect(credentialPermissions('scheduler').publish.filter((subject) => subject.startsWith('mizan.rpc.governance'))).toEqual(['mizan.rpc.governance.retention.live-holds']);
  });

  it('let the scheduler alone open the keys over contents, and governance alone be asked', () => {
    const named = (direction: 'publish' | 'subscribe'): string[] => credentialNames.filter((name) => credentialPermissions(name)[direction].some((subject) => subject.startsWith('mizan.named') || subject.startsWith('mizan.>')));
    expect([named('publish'), named('subscribe')]).toEqual([['scheduler'], ['governance']]);
  });

  it('let a service answer those alone who may call it, and only where nodes ask whoever asks', () => {
    const answers = (name: (typeof credentialNames)[number]): string[] => credentialPermissions(name).publish.filter((subject) => subject.startsWith('_INBOX'));
    expect(answers('governance')).toEqual(['_INBOX_gateway.>', '_INBOX_scheduler.>', '_INBOX_billing.>', '_INBOX_settlement.>']);
    expect(answers('billing')).toEqual(['_INBOX_gateway.>', '_INBOX_scheduler.>', '_INBOX_settlement.>']);
    expect(answers('gateway')).toEqual([]);
    expect(credentialNames.filter((name) => credentialPermissions(name).responses)).toEqual(['settlement']);
  });

  it('let gateways answer recalls of leases, and billing alone hear the answers', () => {
    const answersGo = (direction: 'publish' | 'subscribe'): string[] => credentialNames.filter((name) => credentialPermissions(name)[direction].includes('mizan.gateway.recalled.*'));
    expect([answersGo('publish'), answersGo('subscribe')]).toEqual([['gateway'], ['billing']]);
  });

  it('let each bucket be written by its owner alone', () => {
    const writers = credentialNames.filter((name) => credentialPermissions(name).publish.includes('$KV.keys.>'));
    expect(writers).toEqual(['governance']);
  });
});

describe('roles', () => {
  it('never let a principal act on another organisation, the platform’s admin apart', () => {
    for (const role of roles) {
      for (const action of actions) {
        if (grants[role].scope === 'own') expect(isAllowed({ role, tenant: 'a' }, action, 'b')).toBe(false);
      }
    }
  });

  it('do not let the platform’s admin run inference as a tenant', () => {
    expect(isAllowed({ role: 'platform_admin', tenant: 'a' }, 'inference.run', 'a')).toBe(false);
  });
});
