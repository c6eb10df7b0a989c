import { dataClasses } from '#protocol';
import type { DataClass } from '#protocol';

/** What personal data makes of any lower class. `restricted` is only ever declared. */
export const personalDataClass: DataClass = 'confidential';

export function higher(left: DataClass, right: DataClass): DataClass {
  return dataClasses.indexOf(left) >= dataClasses.indexOf(right) ? left : right;
}

/** The declared class, raised when personal data was found; never lowered. */
export function raise(declared: DataClass, findings: readonly unknown[]): DataClass {
  return findings.length > 0 ? higher(declared, personalDataClass) : declared;
}
