import type { DataClass, FindingKind } from '#protocol';
import { raise } from '../classify/data-class.js';
import { scan, scanInSlices, sliceChars } from '../classify/scan.js';
import type { Finding } from '../classify/scan.js';
import type { InferenceJob } from './inference-job.js';

export interface Classification {
  /** What the caller said, or the project's default where nothing was said. */
  readonly declaredClass: DataClass;
  /** The declared class, raised by what was found. */
  readonly dataClass: DataClass;
  readonly findings: readonly { readonly kind: FindingKind; readonly count: number }[];
}

type Legible = Pick<InferenceJob, 'declared' | 'project' | 'texts'>;

/** Step 2: the class of the data. What is found in the payload raises the declared class; nothing lowers it. */
export const classify = (job: Legible): Classification => classified(job, scan(job.texts));

/** Whether so much is to be read that other requests would feel it. */
export function isLong({ texts }: Pick<InferenceJob, 'texts'>): boolean {
  let chars = 0;
  for (const text of texts) chars += text.length;
  return chars > sliceChars;
}

/** The same in slices between which others have their turn. Error: the signal's reason, when the client goes away. */
export async function classifyLong(job: Legible & Pick<InferenceJob, 'signal'>): Promise<Classification> {
  const giveWay = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    job.signal.throwIfAborted();
  };
  return classified(job, await scanInSlices(job.texts, giveWay));
}

function classified({ declared, project }: Legible, findings: Finding[]): Classification {
  const declaredClass = declared.dataClass ?? project.defaultClass;
  return { declaredClass, dataClass: raise(declaredClass, findings), findings };
}
