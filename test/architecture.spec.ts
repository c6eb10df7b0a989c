import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';
/** Which libs a lib may import; apps may import any of them but `local` and `testing`. */
const below: Record<string, readonly string[]> = {
  kernel: [],
  protocol: ['kernel'],
  merkle: ['kernel', 'protocol'],
  policy: ['kernel', 'protocol'],
  wire: ['kernel', 'protocol'],
  chain: ['kernel', 'protocol'],
  objects: ['kernel', 'protocol'],
  outbound: ['kernel', 'protocol'],
  pdf: [],
  messaging: ['kernel', 'protocol'],
  service: ['kernel', 'protocol', 'messaging'],
  local: ['kernel', 'protocol', 'chain'],
  testing: ['kernel', 'protocol', 'merkle', 'policy', 'wire', 'chain', 'objects', 'outbound', 'pdf', 'messaging', 'service', 'local'],
};
const suffixes = ['entity', 'store', 'service', 'rpc', 'consumer', 'controller', 'errors', 'module', 'migration', 'spec', 'it.spec', 'service-definition'];
const root = join(import.meta.dirname, '..');
const paths = ['apps', 'libs'].flatMap((top) => readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)));
const files = paths.filter((path) => path.endsWith('.ts')).map((path) => ({ path, part: path.split('/').slice(0, 2).join('/'), imports: importsOf(path) }));
const isSpec = (path: string): boolean => /(\.spec|-harness)\.ts$/.test(path);
/** What wraps rules in traces and metrics; everything else without a suffix is a rule or wiring and does without. */
const wrappers = /^libs\/(messaging|service|testing)\/|telemetry|metrics|\/trace-|\/main\.ts$|gateway\/(parts|request\/steps)\.ts$|node\/jobs\/run-job\.ts$/;
/** Modules that a file imports; relative ones as paths from the root, `#name` as `libs/name`. */
function importsOf(path: string): string[] {
  const specifiers = ts.preProcessFile(readFileSync(join(root, path), 'utf8')).importedFiles.map(({ fileName }) => fileName);
  return specifiers.map((name) => (name.startsWith('.') ? join(path, '..', name) : name.replace(/^#/, 'libs/')));
}
/** `file -> import` for every import that breaks a rule; empty when all is well. */
function breaches(broken: (file: (typeof files)[number], imported: string) => boolean): string[] {
  return files.flatMap((file) => file.imports.filter((imported) => broken(file, imported)).map((imported) => `${file.path} -> ${imported}`));
}
/** Paths of files that import one another, each circle once. */
function circles(): string[][] {
  const importsOfPath = new Map(files.map(({ path, imports }) => [path, imports.map((name) => (/^libs\/[^/]+$/.test(name) ? `${name}/index.ts` : name.replace(/\.js$/, '.ts')))]));
  const found: string[][] = [];
  const seen = new Set<string>();
  const follow = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) found.push(way.slice(way.indexOf(path)));
    if (seen.has(path)) return;
    seen.add(path);
    for (const next of importsOfPath.get(path) ?? []) follow(next, [...way, path]);
  };
  for (const { path } of files) follow(path, []);
  return found;
}
const partOf = (imported: string): string | undefined => /^(?:apps|libs)\/[^/]+/.exec(imported)?.[0];
describe('the architecture', () => {
  it('points one way among the libs: kernel <- protocol <- messaging <- service', () => {
    expect(breaches(({ part, path }, to) => part.startsWith('libs/') && !isSpec(path) && partOf(to) !== undefined && partOf(to) !== part && !below[part.slice(5)]?.includes(partOf(to)!.slice(5)))).toEqual([]);
  });
  it('lets no lib import an app, and no app another one; only standalone knows them all', () => {
    expect(breaches(({ part }, to) => part !== 'apps/standalone' && partOf(to)?.startsWith('apps/') === true && partOf(to) !== part)).toEqual([]);
  });
  it('has no files that import one another', () => {
    expect(circles()).toEqual([]);
  });
  it('keeps embedded infrastructure in standalone and in tests', () => {
    expect(breaches(({ part, path }, to) => part.startsWith('apps/') && part !== 'apps/standalone' && !isSpec(path) && ['libs/local', 'libs/testing'].includes(partOf(to) ?? ''))).toEqual([]);
  });
  it('keeps Nest out of every lib but messaging, service and testing', () => {
    expect(breaches(({ part, path }, to) => part.startsWith('libs/') && !isSpec(path) && !['libs/messaging', 'libs/service', 'libs/testing'].includes(part) && to.startsWith('@nestjs/'))).toEqual([]);
  });
  it('gives the outside verifier nothing of the services', () => {
    expect(breaches(({ path }, to) => path.startsWith('apps/cli/verify') && !isSpec(path) && partOf(to) !== undefined && !['apps/cli', 'libs/kernel', 'libs/protocol', 'libs/merkle'].includes(partOf(to)!))).toEqual([]);
  });
  it('wraps telemetry around rules from outside', () => {
    const isRule = (path: string): boolean => /^[a-z0-9-]+\.ts$/.test(basename(path)) && !isSpec(path) && !wrappers.test(path);
    expect(breaches(({ path }, to) => isRule(path) && /^(@opentelemetry\/|prom-client)/.test(to))).toEqual([]);
  });
  it('names files by what they do, with suffixes from one closed list', () => {
    const odd = files.filter(({ path }) => !new RegExp(`^[a-z0-9-]+(\\.(${suffixes.join('|')}))?(\\.d)?\\.ts$`).test(basename(path)) || /(^|\/)(utils?|helpers?|common|dto|interfaces|shared|misc)(\/|\.ts$)/.test(path));
    expect(odd.map(({ path }) => path)).toEqual([]);
  });
});
