import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { services } from '#protocol';

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: { template: { spec: Pod } };
}
interface Pod {
  automountServiceAccountToken?: boolean;
  securityContext?: { runAsNonRoot?: boolean };
  containers: { image: string; args: string[]; resources?: { requests?: object; limits?: object }; livenessProbe?: object; readinessProbe?: object; startupProbe?: object; securityContext?: { readOnlyRootFilesystem?: boolean; allowPrivilegeEscalation?: boolean } }[];
}

const root = join(import.meta.dirname, '..');
const manifestsOf = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS() as Manifest);

/** Every resource as written: kustomizations and partial patches are seen when rendered. */
const written = readdirSync(join(root, 'deploy/k8s'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yaml') && !path.endsWith('kustomization.yaml') && !path.includes('patches'))
  .flatMap((path) => manifestsOf(readFileSync(join(root, 'deploy/k8s', path), 'utf8')).map((manifest) => ({ path, manifest })));

/** The production overlay as it would be applied; undefined where there is no kubectl. */
const rendered = ((): Manifest[] | undefined => {
  const run = spawnSync('kubectl', ['kustomize', join(root, 'deploy/k8s/overlays/production')], { encoding: 'utf8' });
  if (run.error) {
    console.log('kubectl is not installed: the overlay was not rendered; its documents were checked as written.');
    return undefined;
  }
  if (run.status !== 0) throw new Error(`kubectl kustomize failed:\n${run.stderr}`);
  return manifestsOf(run.stdout);
})();

const modelsOf = createRequire(import.meta.url);

/** What is wrong with a document by the schema of its own apiVersion and kind, members that the schema does not know included. */
function problemsOf(manifest: Manifest): string[] {
  const models = modelsOf(`kubernetes-models/${manifest.apiVersion}`) as Record<string, { prototype: { validate(this: unknown): void } }>;
  const model = models[manifest.kind];
  if (!model) return [`no schema for ${manifest.apiVersion} ${manifest.kind}`];
  const unread: string[] = [];
  const { proxy, close } = watched(manifest, manifest.kind, unread);
  try {
    model.prototype.validate.call(proxy);
  } catch (error) {
    return [(error as Error).message];
  }
  close();
  return unread;
}

/** A view of a value that, when closed, names every member that nobody has read: a schema reads all members it knows. */
function watched<T extends object>(value: T, path: string, unread: string[]): { proxy: T; close: () => void } {
  const seen = new Set<string>();
  const children: [string, { proxy: object; close: () => void }][] = Object.entries(value)
    .filter(([, child]) => typeof child === 'object' && child !== null)
    .map(([name, child]) => [name, watched(child as object, `${path}.${name}`, unread)]);
  const views = new Map(children.map(([name, { proxy }]) => [name, proxy]));
  const get = (target: T, name: string | symbol): unknown => {
    if (typeof name === 'string') seen.add(name);
    return views.get(name as string) ?? Reflect.get(target, name);
  };
  const close = (): void => {
    unread.push(...Object.keys(value).filter((name) => !seen.has(name)).map((name) => `${path}.${name} is unknown`));
    for (const [, child] of children) child.close();
  };
  return { proxy: new Proxy(value, { get }), close };
}

const pods = (manifests: readonly Manifest[]): [string, Pod][] =>
  manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'Job').map(({ kind, metadata, spec }) => [`${kind} ${metadata.name}`, spec.template.spec]);

describe('the Kubernetes documents', () => {
  it('keep to the schemas of their kinds, as written', () => {
    expect(written.length).toBeGreaterThan(25);
    expect(written.flatMap(({ path, manifest }) => problemsOf(manifest).map((problem) => `${path}: ${problem}`))).toEqual([]);
  });

  it('keep to them as rendered, patches included', () => {
    expect((rendered ?? []).flatMap((manifest) => problemsOf(manifest).map((problem) => `${manifest.metadata.name}: ${problem}`))).toEqual([]);
  });

  it('are checked by something that sees a wrong type, a missing member and a misspelt one', () => {
    const service = (spec: object): Manifest => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec }) as Manifest;
    expect(problemsOf(service({ ports: [{ port: 'eighty' }] }))).not.toEqual([]);
    expect(problemsOf(service({ ports: [{ name: 'http' }] }))).not.toEqual([]);
    expect(problemsOf(service({ ports: [{ port: 80, targetPrt: 8080 }] }))).toEqual(['Service.spec.ports.0.targetPrt is unknown']);
    expect(problemsOf(service({ ports: [{ port: 80 }] }))).toEqual([]);
  });

  it('run every service, each from a program of this repository', () => {
    const deployments = written.filter(({ manifest }) => manifest.kind === 'Deployment').map(({ manifest }) => manifest.metadata.name);
    expect(deployments.sort()).toEqual([...services].sort());
    for (const [name, pod] of pods(written.map(({ manifest }) => manifest))) {
      for (const { args } of pod.containers) expect([name, existsSync(join(root, args[0]!.replace(/^dist\//, '').replace(/\.js$/, '.ts')))]).toEqual([name, true]);
    }
  });

  it('show health and metrics to kubelet and monitoring alone, on a port that neither a service nor the ingress leads to', () => {
    const of = (kind: string): string => JSON.stringify(written.filter(({ manifest }) => manifest.kind === kind));
    expect([of('Ingress'), of('Service')].filter((text) => /operations|8081/.test(text))).toEqual([]);
    const open = written.filter(({ manifest }) => manifest.kind === 'NetworkPolicy' && JSON.stringify(manifest.spec).includes('operations')).map(({ manifest }) => manifest.metadata.name);
    expect(open).toEqual(['metrics']);
    expect(readFileSync(join(root, 'deploy/k8s/base/patches/every-deployment.yaml'), 'utf8').match(/httpGet: .*/g)).toEqual([expect.stringContaining('operations'), expect.stringContaining('operations'), expect.stringContaining('/readyz, port: operations')]);
  });

  it('hold no secret, only names of secrets', () => {
    expect(written.filter(({ manifest }) => manifest.kind === 'Secret')).toEqual([]);
    expect(JSON.stringify(written)).not.toMatch(/postgres(ql)?:\/\/|BEGIN [A-Z ]*PRIVATE KEY|"SU[A-Z2-7]{56}|SEED|PASSWORD/);
  });

  it('give no pod a token, root, a writable root or unbounded memory', () => {
    for (const [name, pod] of pods(rendered ?? [])) {
      expect([name, pod.automountServiceAccountToken, pod.securityContext?.runAsNonRoot]).toEqual([name, false, true]);
      for (const container of pod.containers) {
        expect([name, container.securityContext]).toEqual([name, expect.objectContaining({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false })]);
        expect([name, container.resources]).toEqual([name, { requests: expect.objectContaining({ cpu: expect.anything() }), limits: expect.objectContaining({ memory: expect.anything() }) }]);
        expect([name, container.image]).toEqual([name, expect.stringMatching(/^registry\.example\.com\/mizan:\d/)]);
        if (name.startsWith('Deployment')) expect([name, container.livenessProbe && container.readinessProbe && container.startupProbe]).toEqual([name, expect.any(Object)]);
      }
    }
  });
});

describe('docker-compose.yml', () => {
  const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as { services: Record<string, { image?: string; build?: unknown; command?: string[]; ports?: string[]; depends_on?: Record<string, unknown> }> };

  it('runs every service with programs that exist', () => {
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining([...services, 'postgres', 'nats']));
    const programs = Object.values(compose.services).flatMap(({ command }) => (Array.isArray(command) ? command.filter((word) => word.startsWith('dist/')) : []));
    expect(programs.length).toBeGreaterThanOrEqual(services.length);
    for (const program of programs) expect([program, existsSync(join(root, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))]).toEqual([program, true]);
  });

  it('depends only on what it defines, and publishes ports on loopback only', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const other of Object.keys(service.depends_on ?? {})) expect([name, Object.keys(compose.services)]).toEqual([name, expect.arrayContaining([other])]);
      for (const port of service.ports ?? []) expect([name, port]).toEqual([name, expect.stringMatching(/^127\.0\.0\.1:/)]);
    }
  });
});
