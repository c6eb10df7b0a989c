import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/** What a policy set can read of one entity or record. */
export interface Reads {
  /** Also the entity's id, or a use that is not a plain attribute access. */
  whole: boolean;
  /** Per attribute: `'value'`, or for a set asked only about literals those literals. */
  readonly attributes: Map<string, 'value' | Set<string>>;
}
export type ReadVariable = 'principal' | 'resource' | 'context';
export type PolicyReads = Record<ReadVariable, Reads>;

/** Collects all that the policies can read; everything else cannot change a decision. */
export function readsOf(policies: readonly PolicyJson[]): PolicyReads {
  const none = (): Reads => ({ whole: false, attributes: new Map() });
  const reads: PolicyReads = { principal: none(), resource: none(), context: none() };
  for (const policy of policies) {
    // A test of the type alone (`is`) reads nothing: the schema has one type for each.
    if (policy.principal.op !== 'All' && !(policy.principal.op === 'is' && !policy.principal.in)) reads.principal.whole = true;
    if (policy.resource.op !== 'All' && !(policy.resource.op === 'is' && !policy.resource.in)) reads.resource.whole = true;
    for (const clause of policy.conditions) visit(clause.body, reads);
  }
  return reads;
}

type Node = { readonly [operator: string]: unknown };

function visit(expression: Expr, reads: PolicyReads): void {
  const node = expression as Node;
  const operator = Object.keys(node)[0]!;
  const operand = node[operator];
  if (operator === 'Value') return;
  if (operator === 'Var') {
    if (operand !== 'action') reads[operand as ReadVariable].whole = true;
    return;
  }
  if (operator === '.' || operator === 'has') {
    const { left, attr } = operand as { left: Expr; attr: string | string[] };
    const variable = variableOf(left);
    if (variable) readAttribute(reads[variable], typeof attr === 'string' ? attr : attr[0]!, 'value');
    else visit(left, reads);
    return;
  }
  if (operator === 'contains' || operator === 'containsAll' || operator === 'containsAny') {
    const { left, right } = operand as { left: Expr; right: Expr };
    const literals = literalsOf(right);
    const accessed = attributeOf(left);
    if (literals && accessed) {
      readAttribute(reads[accessed.variable], accessed.attribute, literals);
      return;
    }
  }
  // The pattern of `like` is data, not an expression.
  if (operator === 'like') visit((operand as { left: Expr }).left, reads);
  else for (const child of children(operand)) visit(child, reads);
}

function readAttribute(reads: Reads, attribute: string, use: 'value' | readonly string[]): void {
  const known = reads.attributes.get(attribute);
  if (use === 'value' || known === 'value') reads.attributes.set(attribute, 'value');
  else reads.attributes.set(attribute, new Set([...(known ?? []), ...use]));
}

function variableOf(expression: Expr): ReadVariable | undefined {
  const name = (expression as Node)['Var'];
  return name === 'principal' || name === 'resource' || name === 'context' ? name : undefined;
}

function attributeOf(expression: Expr): { variable: ReadVariable; attribute: string } | undefined {
  const access = (expression as Node)['.'] as { left: Expr; attr: string } | undefined;
  const variable = access && variableOf(access.left);
  return variable && { variable, attribute: access.attr };
}

/** The strings of a literal, or of a set of literals. */
function literalsOf(expression: Expr): readonly string[] | undefined {
  const node = expression as Node;
  if (typeof node['Value'] === 'string') return [node['Value']];
  const items = (node['Set'] ?? node['Value']) as readonly unknown[] | undefined;
  if (!Array.isArray(items)) return undefined;
  const literals = items.map((item) => (typeof item === 'string' ? item : (item as Node)['Value']));
  return literals.every((literal): literal is string => typeof literal === 'string') ? literals : undefined;
}

/** Sub-expressions of any operator: an operand is an expression, a list, or a record of them. */
function children(operand: unknown): Expr[] {
  if (operand === null || typeof operand !== 'object') return [];
  return Object.values(operand).flatMap((member) => (Array.isArray(member) ? children(member) : isNode(member) ? [member as Expr] : []));
}

function isNode(member: unknown): boolean {
  return typeof member === 'object' && member !== null;
}
