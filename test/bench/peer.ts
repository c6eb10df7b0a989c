import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const version = '1.15.2';
/** The versions with which its streams work. */
const overrides = { '@hono/node-server': '1.13.5', '@hono/node-ws': '1.2.0', hono: '4.9.7' };
const installMs = 300_000;

/** Installs the peer, `@portkey-ai/gateway`, where it is not yet; resolves with its program. It is no dependency of the project. */
export function installPeer(directory: string): string {
  const program = join(directory, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (existsSync(program)) return program;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies: { '@portkey-ai/gateway': version }, overrides }, null, 2));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--omit=dev', '--ignore-scripts'], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'], timeout: installMs });
  return program;
}

/** How the peer is told to forward a request to the engine at `url`. */
export const peerHeaders = (url: string): Record<string, string> => ({ authorization: 'Bearer sk-bench', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${url}/v1` });
