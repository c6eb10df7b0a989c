import type { DataClass, FindingKind } from '#protocol';
import { raise } from '../classify/data-class.js';
import { scan } from '../classify/scan.js';
import type { InferenceJob } from './inference-job.js';

export interface Classification {
  /** What the caller said, or the project's default where nothing was said. */
  readonly declaredClass: DataClass;
  /** The declared class, raised by what was found. */
  readonly dataClass: DataClass;
  readonly findings: readonly { readonly kind: FindingKind; readonly count: number }[];
}

/** Step 2: the class of the data. What is found in the payload raises the declared class; nothing lowers it. */
export function classify(job: Pick<InferenceJob, 'declared' | 'project' | 'texts'>): Classification {
  const declaredClass = job.declared.dataClass ?? job.project.defaultClass;
  const findings = scan(job.texts);
  return { declaredClass, dataClass: raise(declaredClass, findings), findings };
}
