/** How many neighbours vote: the best of 1 to 15 by leave-one-out over the training messages, a flat optimum. */
export const neighbours = 7;

/** A vector with a known label. */
export interface Example<Label extends string> {
  readonly vector: readonly number[];
  readonly label: Label;
}

/** The label of most of the `k` examples nearest by cosine; each neighbour votes with its similarity. */
export function classify<Label extends string>(examples: readonly Example<Label>[], vector: readonly number[], k: number): Label {
  if (examples.length === 0) throw new RangeError('nearest neighbours need at least one example');
  const unit = normalise(vector);
  const nearest = examples
    .map((example) => ({ label: example.label, similarity: dot(normalise(example.vector), unit) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, k);
  const votes = new Map<Label, number>();
  for (const { label, similarity } of nearest) votes.set(label, (votes.get(label) ?? 0) + Math.max(similarity, 0));
  return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best))[0];
}

/** Share of `heldOut` whose label the `examples` predict, 0–1. */
export function accuracy<Label extends string>(examples: readonly Example<Label>[], heldOut: readonly Example<Label>[], k: number): number {
  if (heldOut.length === 0) throw new RangeError('accuracy needs at least one held-out example');
  const units = examples.map((example) => ({ vector: normalise(example.vector), label: example.label }));
  return heldOut.filter((example) => classify(units, example.vector, k) === example.label).length / heldOut.length;
}

function normalise(vector: readonly number[]): readonly number[] {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
