/** Named checks behind `/readyz`; a service adds its own. */
export class Readiness {
  private readonly checks = new Map<string, () => boolean | Promise<boolean>>();

  add(name: string, check: () => boolean | Promise<boolean>): void {
    this.checks.set(name, check);
  }

  async report(): Promise<{ ready: boolean; checks: Record<string, boolean> }> {
    const results = await Promise.all([...this.checks].map(async ([name, check]) => [name, await this.passes(check)] as const));
    return { ready: results.every(([, passed]) => passed), checks: Object.fromEntries(results) };
  }

  private async passes(check: () => boolean | Promise<boolean>): Promise<boolean> {
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), 2_000).unref());
    return Promise.race([Promise.resolve().then(check), late]).catch(() => false);
  }
}
