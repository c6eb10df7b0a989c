import { describe, expect, it } from '@jest/globals';
import { enrolmentUrl } from './hub-url.js';

describe('the hub', () => {
  it.each([
    ['https://hub.example', 'https://hub.example/v1/nodes/enrol'],
    ['https://hub.example/mizan/', 'https://hub.example/mizan/v1/nodes/enrol'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/v1/nodes/enrol'],
    ['http://localhost:8080/', 'http://localhost:8080/v1/nodes/enrol'],
    ['http://[::1]:8080', 'http://[::1]:8080/v1/nodes/enrol'],
  ])('%s is enrolled at %s', (hub, url) => {
    expect(enrolmentUrl(hub)).toBe(url);
  });

  it.each(['http://hub.example', 'http://10.0.0.7', 'http://localhost.example', 'http://127.0.0.1.example', 'ftp://127.0.0.1', 'hub.example'])(
    'is refused at %s, where the token would travel unprotected',
    (hub) => {
      expect(() => enrolmentUrl(hub)).toThrow(/--hub/);
    },
  );
});
