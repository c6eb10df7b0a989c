import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The lists of a distribution are about 10 MB: two minutes at 700 kbit/s. */
const timeoutMs = 120_000;

/**
 * Unpacks the distribution's own `nats-server` package below `directory`, without root: apt with directories of its own.
 * Returns the program's path, or undefined where there is no apt or no such package.
 */
export async function unpackFromDistribution(directory: string, say: (line: string) => void): Promise<string | undefined> {
  const program = join(directory, 'unpacked/usr/sbin/nats-server');
  if (existsSync(program)) return program;
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg')) return undefined;
  const lists = join(directory, 'lists');
  const downloads = join(directory, 'downloads');
  for (const path of [join(lists, 'partial'), join(directory, 'cache/archives/partial'), downloads]) mkdirSync(path, { recursive: true });
  const own = ['-q', '-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${join(directory, 'cache')}`, '-o', 'Debug::NoLocking=1', '-o', 'APT::Sandbox::User='];
  const apt = (...args: string[]): Promise<unknown> => run('apt-get', args, { cwd: downloads, timeout: timeoutMs });
  try {
    say("fetching the distribution's nats-server package (about 4 MB, 10 MB of package lists where they are missing) without root");
    // The machine's own lists first; where they are missing or old, fresh ones in a place of our own.
    await apt('-q', '-o', 'APT::Sandbox::User=', 'download', 'nats-server').catch(async () => {
      await apt(...own, 'update').catch(() => {}); // one unreachable source of several is no reason to stop
      await apt(...own, 'download', 'nats-server');
    });
    const archive = readdirSync(downloads).find((name) => name.startsWith('nats-server_') && name.endsWith('.deb'));
    if (archive === undefined) return undefined;
    await run('dpkg', ['-x', join(downloads, archive), join(directory, 'unpacked')]);
    say(`unpacked ${archive} (${(statSync(join(downloads, archive)).size / 1e6).toFixed(1)} MB) into ${directory}`);
    return existsSync(program) ? program : undefined;
  } catch {
    return undefined;
  } finally {
    for (const path of [lists, join(directory, 'cache'), downloads]) rmSync(path, { recursive: true, force: true });
  }
}
