import { describe, expect, it } from '@jest/globals';
import { exposureRefusal } from './exposed-server.js';

describe('a server that nodes are sent to', () => {
  it.each(['2.9.10', '2.10.26', '2.11.0'])('may be version %s on this machine only', (version) => {
    for (const url of ['nats://127.0.0.1:4222', 'localhost:4222', 'tls://[::1]:4222']) expect(exposureRefusal(version, url)).toBeUndefined();
    for (const url of ['nats://nats.example:4222', '10.0.0.1:4222', 'nats://127.0.0.1:4222,nats://nats.example:4222', 'nats://0.0.0.0:4222']) {
      expect(exposureRefusal(version, url)).toMatch(/CVE-2025-30215/);
    }
  });

  it.each(['2.10.27', '2.11.1', '2.12.0', '3.0.0'])('may be version %s anywhere', (version) => {
    expect(exposureRefusal(version, 'tls://nats.example:4222')).toBeUndefined();
  });
});
