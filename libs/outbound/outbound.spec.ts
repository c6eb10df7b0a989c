import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { AllowList, boundedFetch, guardedAgent, outboundTarget } from './index.js';
import type { ResolveHost } from './index.js';

const nothing = new AllowList();
const bounds = { bytesMax: 100, timeoutMs: 2_000, contentTypes: ['image/png'] };

describe('a URL of a stranger', () => {
  it.each([
    'http://169.254.169.254/latest/meta-data', 'http://127.0.0.1/', 'http://[::1]/', 'http://[::]/', 'http://0.0.0.0/', 'http://10.0.0.8/', 'http://172.16.3.4/', 'http://192.168.1.1/', 'http://100.64.0.1/',
    'http://2130706433/', 'http://0x7f000001/', 'http://0177.0.0.1/', 'http://127.1/', 'http://[::ffff:127.0.0.1]/', 'http://[::ffff:a9fe:a9fe]/', 'http://[64:ff9b::7f00:1]/', 'http://[2002:7f00:1::]/', 'http://[fe80::1]/',
    'http://[fc00::1]/', 'http://224.0.0.1/', 'http://255.255.255.255/', 'http://192.0.2.1/', 'http://198.18.0.1/',
    'http://localhost/', 'http://LOCALHOST./', 'http://metadata/', 'http://x.internal/', 'http://printer.local/',
    'http://public.example\\@127.0.0.1/', 'http://127.0.0.1\\.public.example/', 'http://user:pass@public.example/', 'http:/public.example/', 'http:public.example', '//public.example/',
    'file:///etc/passwd', 'ftp://public.example/', 'gopher://public.example/', 'javascript:alert(1)', 'http://public.example/a b', 'http://public.example/\n', '', `http://public.example/${'a'.repeat(5_000)}`,
  ])('is refused when it does not lead out, or is not a plain one: %s', (url) => {
    expect(() => outboundTarget(url, nothing)).toThrow(expect.objectContaining({ code: 'URL_REFUSED' }));
  });

  it.each(['https://public.example/a.png?b=c', 'http://8.8.8.8/', 'https://[2606:4700::1111]:8443/x', 'http://xn--bcher-kva.example/'])('is taken when it is public: %s', (url) => {
    expect(outboundTarget(url, nothing).href).toBe(new URL(url).href);
  });

  it('may lead where the operator says, and nowhere else', () => {
    const allowed = new AllowList('images.internal, 10.1.0.0/16, ::1/128');
    for (const url of ['http://images.internal/', 'http://10.1.2.3/', 'http://[::1]:80/', 'http://0xa010203/']) expect(outboundTarget(url, allowed)).toBeInstanceOf(URL);
    for (const url of ['http://other.internal/', 'http://10.2.0.1/', 'http://127.0.0.1/']) expect(() => outboundTarget(url, allowed)).toThrow(/not fetched/);
  });

  it('is not listed by mistake: what is neither a name nor a block is an error', () => {
    for (const list of ['10.1.2.3', '10.1.0.0/99', 'http://images.internal', 'a b']) expect(() => new AllowList(list)).toThrow(TypeError);
  });
});

describe('a fetch through the guard', () => {
  let server: Server;
  let port: number;
  const asked: string[] = [];
  const agents: Dispatcher[] = [];
  /** Names of the test, and what they resolve to at each call; the last answer stays. */
  const names: Record<string, string[][]> = {};
  const resolve: ResolveHost = (host, done) => {
    const answers = names[host] ?? [[]];
    const addresses = answers.length > 1 ? answers.shift()! : answers[0]!;
    done(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  };
  const get = (url: string, allow = '') => {
    const allowed = new AllowList(allow);
    const agent = guardedAgent(allowed, resolve);
    agents.push(agent);
    return boundedFetch(url, allowed, agent, bounds);
  };

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url!);
      const [, what, ...rest] = request.url!.split('/');
      if (what === 'to') response.writeHead(302, { location: decodeURIComponent(rest.join('/')) }).end();
      else if (what === 'big') response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.alloc(101));
      else if (what === 'long') response.writeHead(200, { 'content-type': 'image/png', 'content-length': '1000000' }).flushHeaders();
      else if (what === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end('<b>secret</b>');
      else if (what === 'never') request.resume();
      else response.writeHead(200, { 'content-type': 'image/png; charset=x' }).end('picture');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.destroy()));
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  it('gives what a permitted host answers', async () => {
    names['images.test'] = [['127.0.0.1']];
    expect(await get(`http://images.test:${port}/ok`, 'images.test')).toEqual({ bytes: Buffer.from('picture'), contentType: 'image/png' });
  });

  it('does not connect to a name that leads inside, alone or among public addresses', async () => {
    const before = asked.length;
    names['inside.test'] = [['127.0.0.1']];
    names['mixed.test'] = [['93.184.216.34', '127.0.0.1']];
    for (const host of ['inside.test', 'mixed.test']) await expect(get(`http://${host}:${port}/ok`)).rejects.toMatchObject({ code: 'URL_REFUSED' });
    expect(asked).toHaveLength(before);
  });

  it('judges the very address that it connects to: a name that changes its answer gains nothing', async () => {
    const before = asked.length;
    // What a check before the fetch would see is public; what the connection would use is not.
    names['rebind.test'] = [['127.0.0.1'], ['93.184.216.34']];
    await expect(get(`http://rebind.test:${port}/ok`)).rejects.toMatchObject({ code: 'URL_REFUSED' });
    expect(asked).toHaveLength(before);
  });

  it('judges each redirect anew, and follows few', async () => {
    names['images.test'] = [['127.0.0.1']];
    const to = (url: string) => get(`http://images.test:${port}/to/${encodeURIComponent(url)}`, 'images.test');
    for (const url of ['http://169.254.169.254/latest', `http://127.0.0.1:${port}/ok`, 'file:///etc/passwd', `http://inside.test:${port}/ok`]) await expect(to(url)).rejects.toMatchObject({ code: 'URL_REFUSED' });
    expect((await to(`http://images.test:${port}/ok`)).bytes.toString()).toBe('picture');
    // Each answer leads to itself.
    const forever = createServer((_request, response) => response.writeHead(302, { location: '/' }).end());
    await new Promise<void>((done) => forever.listen(0, '127.0.0.1', done));
    await expect(get(`http://images.test:${(forever.address() as AddressInfo).port}/`, 'images.test')).rejects.toMatchObject({ code: 'URL_REFUSED', message: expect.stringMatching(/redirects more than 3/) as unknown });
    forever.closeAllConnections();
    forever.close();
  });

  it.each([
    ['big', /larger than 100 bytes/],
    ['long', /larger than 100 bytes/],
    ['html', /must be of type image\/png/],
    ['never', /too long/],
  ])('ends an answer that is not as it must be: %s', async (what, why) => {
    names['images.test'] = [['127.0.0.1']];
    const error = await get(`http://images.test:${port}/${what}`, 'images.test').catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'URL_REFUSED', message: expect.stringMatching(why) as unknown });
    expect((error as Error).message).not.toMatch(/secret|127\.0\.0\.1/);
  });
});
