import { isDigit, isLetter } from './chars.js';

/** How far before a number a word may stand that says what it is. Bounds the work per number. */
const windowChars = 40;

const wordsOf = {
  phone: /(?:\b(?:tel|phone|telephone|mobile|mob|cell|call|fax|whatsapp|sms|telefon|handy|rufnummer|telefono|portable)|هاتف|جوال|موبايل|تلفون|محمول)[^0-9]{0,14}$/i,
  nationalId: /(?:\b(?:national[ _-]?(?:id|identity|identification|number|no)|identity[ _-]?(?:card|number|no)|id[ _-]?(?:no|number|card)|civil[ _-]?id|iqama|nid|ssn|social[ _-]?security|nhs)|هوية|الهوية|إقامة|اقامة|الإقامة|الرقم القومي|الوطنية)[^0-9]{0,16}$/i,
} as const;

/** Whether such a word stands shortly before `start`, with no other number between. */
export function isIntroducedAs(kind: keyof typeof wordsOf, text: string, start: number): boolean {
  return followsWord(text, start) && wordsOf[kind].test(text.slice(Math.max(0, start - windowChars), start));
}

/** Spares most numbers the search: what stands before is no word, or another number is nearer. */
function followsWord(text: string, start: number): boolean {
  for (let at = start - 1; at >= 0 && at > start - windowChars; at--) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) return false;
    if (code > 127 || isLetter(code)) return true;
  }
  return false;
}
