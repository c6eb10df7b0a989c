/** Longer messages are cut: an error says what is wrong, it does not carry data. */
const messageCharsMax = 2_000;

const secrets: readonly [RegExp, string][] = [
  [/\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>]+/gi, '[address]'],
  [/\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, '[credential]'],
  [/\b(?:sk|pk|rk|mzn|hf|gsk|xai|key|token|ghp)[-_][A-Za-z0-9_-]{6,}/gi, '[credential]'],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, '[credential]'],
  [/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b/g, '[address]'],
  [/(?:\/(?:home|root|usr|opt|var|etc|srv|mnt|tmp)\/)[^\s"'<>]*/g, '[path]'],
];

/** What somebody else's software said, without its addresses, credentials and paths. */
export function scrubbed(text: string): string {
  return secrets.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text.slice(0, messageCharsMax));
}
