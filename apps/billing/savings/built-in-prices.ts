import { parseNanos } from '#kernel';
import type { BaselinePrice, MeterPrice } from '#protocol';
import { builtInGpuPrices } from './built-in-gpu-prices.js';

/** Where the rows are from: a list price that somebody published, as of its row's date. Prices move: an operator puts a table of its own. */
const sources = [
  'pydantic/genai-prices prices/new_data/v2/data.json (from provider pricing pages)',
  'anomalyco/models.dev providers/amazon-bedrock (from provider pricing pages/API)',
  'anomalyco/models.dev providers/google-vertex (from provider pricing pages/API)',
  'anomalyco/models.dev providers/azure (from provider pricing pages/API)',
  'anomalyco/models.dev providers/togetherai (from provider pricing pages/API)',
  'anomalyco/models.dev providers/deepinfra (from provider pricing pages/API)',
  'anomalyco/models.dev providers/chutes (from provider pricing pages/API)',
  'anomalyco/models.dev providers/nearai (from provider pricing pages/API)',
  'anomalyco/models.dev providers/io-net (from provider pricing pages/API)',
  'anomalyco/models.dev providers/fireworks-ai (from provider pricing pages/API)',
  'BerriAI/litellm table via Wei-Shaw/model-price-repo',
];

/** provider | model | region | USD per million input tokens | output | cached input | as of | valid from | valid to | status | source */
const rows = `
OpenAI|gpt-5-nano|global|0.05|0.4|0.005|2026-08-21|||secondary|0
OpenAI|gpt-4o-mini|global|0.15|0.6|0.075|2026-08-21|||secondary|0
OpenAI|gpt-5-mini|global|0.25|2|0.025|2026-08-21|||secondary|0
OpenAI|gpt-5.4-mini|global|0.75|4.5|0.075|2026-08-21|||secondary|0
OpenAI|gpt-5.6-sol|global|5|30|0.5|2026-08-21|||secondary|0
OpenAI|gpt-5|global|1.25|10|0.125|2026-08-21|||secondary|0
OpenAI|gpt-5.6-luna|global|1|6|0.1|2026-08-21||2026-07-29|secondary|0
OpenAI|gpt-5.6-luna|global|0.2|1.2|0.02|2026-08-21|2026-07-30||secondary|0
OpenAI|gpt-5.6-terra|global|2.5|15|0.25|2026-08-21||2026-07-29|secondary|0
OpenAI|gpt-5.6-terra|global|2|12|0.2|2026-08-21|2026-07-30||secondary|0
AWS Bedrock|amazon.nova-micro-v1:0|us|0.035|0.14|0.00875|2026-08-21|||secondary|0
AWS Bedrock|amazon.nova-lite-v1:0|us|0.06|0.24|0.015|2026-08-21|||secondary|0
AWS Bedrock|amazon.nova-pro-v1:0|us|0.8|3.2|0.2|2026-08-21|||secondary|0
AWS Bedrock|openai.gpt-oss-20b-1:0|us|0.07|0.3||2026-08-21|||secondary|0
AWS Bedrock|openai.gpt-oss-120b-1:0|us|0.15|0.6||2026-08-21|||secondary|0
AWS Bedrock|meta.llama3-3-70b-instruct-v1:0|us|0.72|0.72||2026-08-21|||secondary|0
AWS Bedrock|anthropic.claude-haiku-4-5 (global)|global|1|5|0.1|2026-08-21|||secondary|0
AWS Bedrock|anthropic.claude-haiku-4-5 (regional, EU)|eu|1.1|5.5|0.11|2026-08-21|||secondary|0
AWS Bedrock|anthropic.claude-sonnet-4-6 (global)|global|3|15|0.3|2026-08-21|||secondary|0
AWS Bedrock|anthropic.claude-sonnet-4-6 (regional, EU)|eu|3.3|16.5|0.33|2026-08-21|||secondary|0
AWS Bedrock|anthropic.claude-sonnet-5 (global)|global|2|10|0.2|2026-08-21||2026-08-31|secondary|0
AWS Bedrock|anthropic.claude-sonnet-5 (global)|global|3|15|0.3|2026-08-21|2026-09-01||secondary|0
AWS Bedrock|anthropic.claude-sonnet-5 (regional, EU)|eu|2.2|11|0.22|2026-08-21||2026-08-31|secondary|0
AWS Bedrock|anthropic.claude-sonnet-5 (regional, EU)|eu|3.3|16.5|0.33|2026-08-21|2026-09-01||secondary|0
AWS Bedrock|deepseek.v3.2|us|0.62|1.85||2026-06-08|||secondary|1
AWS Bedrock|qwen.qwen3-32b-v1:0|us|0.15|0.6||2026-06-08|||secondary|1
AWS Bedrock|qwen.qwen3-235b-a22b-2507-v1:0|us|0.22|0.88||2026-04-02|||secondary|1
AWS Bedrock|moonshotai.kimi-k2.5|us|0.6|3||2026-06-08|||secondary|1
Google Vertex AI|gemini-2.5-flash-lite|global|0.1|0.4|0.01|2026-06-08|||secondary|2
Google Vertex AI|gemini-2.5-flash|global|0.3|2.5|0.03|2026-08-21|||secondary|0
Google Vertex AI|gemini-2.5-pro (<=200k)|global|1.25|10|0.125|2026-06-08|||secondary|2
Google Vertex AI|gemini-3.1-flash-lite|global|0.25|1.5|0.025|2026-06-08|||secondary|2
Google Vertex AI|gemini-3.1-pro-preview (<=200k)|global|2|12|0.2|2026-06-08|||secondary|2
Google Vertex AI|gemini-3.5-flash|global|1.5|9|0.15|2026-08-21|||secondary|0
Google Vertex AI|gpt-oss-120b-maas|global|0.09|0.36||2026-06-11|||secondary|2
Google Vertex AI|gpt-oss-20b-maas|global|0.07|0.25||2026-06-11|||secondary|2
Google Vertex AI|llama-3.3-70b-instruct-maas|global|0.72|0.72||2026-06-26|||secondary|2
Google Vertex AI|deepseek-v3.2-maas|global|0.56|1.68|0.056|2026-06-26|||secondary|2
Google Vertex AI|gemini-3.6-flash|global|0.75|3.75|0.075|2026-08-21||2026-12-31|secondary|0
Google Vertex AI|gemini-3.6-flash|global|1.5|7.5|0.15|2026-08-21|2027-01-01||secondary|0
Azure|gpt-5-nano|global|0.05|0.4|0.01|2026-06-08|||secondary|3
Azure|gpt-4o-mini|global|0.15|0.6|0.075|2026-06-04|||secondary|3
Azure|gpt-5-mini|global|0.25|2|0.03|2026-06-08|||secondary|3
Azure|gpt-5.4-mini|global|0.75|4.5|0.075|2026-06-08|||secondary|3
Azure|gpt-5|global|1.25|10|0.13|2026-06-08|||secondary|3
Azure|gpt-5.5 (<=272k)|global|5|30|0.5|2026-06-08|||secondary|3
Azure|llama-3.3-70b-instruct|global|0.71|0.71||2026-01-13|||secondary|3
Azure|deepseek-v3.2|global|0.58|1.68||2026-06-08|||secondary|3
Together|openai/gpt-oss-20b|global|0.05|0.2||2026-06-26|||secondary|4
Together|openai/gpt-oss-120b|global|0.15|0.6||2026-06-26|||secondary|4
Together|meta-llama/Llama-3.3-70B-Instruct-Turbo|global|0.88|0.88||2026-02-10|||secondary|4
Together|google/gemma-4-31B-it|global|0.39|0.97||2026-06-26|||secondary|4
Together|Qwen/Qwen3.5-397B-A17B|global|0.6|3.6|0.35|2026-06-26|||secondary|4
Together|zai-org/GLM-5.1|global|1.4|4.4||2026-06-26|||secondary|4
Together|moonshotai/Kimi-K2.6|global|1.2|4.5|0.2|2026-06-26|||secondary|4
DeepInfra|openai/gpt-oss-20b|global|0.03|0.14||2026-06-26|||secondary|5
DeepInfra|openai/gpt-oss-120b|global|0.039|0.19||2026-06-26|||secondary|5
DeepInfra|meta-llama/Llama-3.3-70B-Instruct-Turbo|global|0.1|0.32||2026-06-10|||secondary|5
DeepInfra|google/gemma-4-31B-it|global|0.13|0.38||2026-06-08|||secondary|5
DeepInfra|deepseek-ai/DeepSeek-V3.2|global|0.26|0.38|0.13|2026-06-08|||secondary|5
DeepInfra|Qwen/Qwen3.5-397B-A17B|global|0.45|3|0.22|2026-06-11|||secondary|5
DeepInfra|zai-org/GLM-5.1|global|1.05|3.5|0.205|2026-06-10|||secondary|5
DeepInfra|moonshotai/Kimi-K2.6|global|0.75|3.5|0.15|2026-06-12|||secondary|5
Chutes|unsloth/Mistral-Nemo-Instruct-2407-TEE|global|0.0245|0.0978|0.01225|2026-06-27|||secondary|6
Chutes|Qwen/Qwen3-32B-TEE|global|0.104|0.416|0.052|2026-06-27|||secondary|6
Chutes|google/gemma-4-31B-turbo-TEE|global|0.12|0.37|0.06|2026-06-27|||secondary|6
Chutes|Qwen/Qwen3-235B-A22B-Thinking-2507-TEE|global|0.2989|1.1957|0.14945|2026-06-27|||secondary|6
Chutes|Qwen/Qwen3.5-397B-A17B-TEE|global|0.45|3|0.225|2026-06-27|||secondary|6
Chutes|deepseek-ai/DeepSeek-V3.2-TEE|global|1|1|0.5|2026-06-27|||secondary|6
Chutes|zai-org/GLM-5.1-TEE|global|0.98|3.08|0.49|2026-06-27|||secondary|6
Chutes|moonshotai/Kimi-K2.6-TEE|global|0.66|3.5|0.33|2026-06-27|||secondary|6
NEAR AI Cloud|Qwen/Qwen3-30B-A3B-Instruct-2507|global|0.15|0.55||2026-05-13|||secondary|7
NEAR AI Cloud|openai/gpt-oss-120b|global|0.15|0.55||2026-06-27|||secondary|7
NEAR AI Cloud|google/gemma-4-31B-it|global|0.13|0.4|0.026|2026-06-14|||secondary|7
NEAR AI Cloud|Qwen/Qwen3.6-35B-A3B-FP8|global|0.17|1.1|0.056|2026-06-14|||secondary|7
NEAR AI Cloud|Qwen/Qwen3.5-122B-A10B|global|0.4|3.2||2026-06-14|||secondary|7
NEAR AI Cloud|zai-org/GLM-5.1-FP8|global|0.85|3.3||2026-06-14|||secondary|7
io.net Intelligence|openai/gpt-oss-120b|global|0.04|0.4|0.02|2025-12-14|||secondary|8
io.net Intelligence|openai/gpt-oss-20b|global|0.03|0.14|0.015|2025-12-14|||secondary|8
io.net Intelligence|meta-llama/Llama-3.3-70B-Instruct|global|0.13|0.38|0.065|2026-01-13|||secondary|8
Fireworks|gpt-oss-20b|global|0.07|0.3|0.035|2026-06-26|||secondary|9
Fireworks|gpt-oss-120b|global|0.15|0.6|0.015|2026-06-26|||secondary|9
Fireworks|glm-5p1|global|1.4|4.4|0.26|2026-06-26|||secondary|9
Fireworks|kimi-k2p6|global|0.95|4|0.16|2026-06-26|||secondary|9
OpenAI|text-embedding-3-small|global|0.02|||2026-08-21|||secondary|0
OpenAI|text-embedding-3-large|global|0.13|||2026-08-21|||secondary|0
Azure|text-embedding-3-small|global|0.02|||2026-01-13|||secondary|3
Azure|text-embedding-3-large|global|0.13|||2026-01-13|||secondary|3
Cohere|embed-v4.0|global|0.12|||2025-12-10|||secondary|0
Azure|cohere-embed-v3-multilingual|global|0.1|||2025-12-14|||secondary|3
Google Vertex AI|gemini-embedding-001|global|0.15|||2026-07-24|||secondary|10
Google Vertex AI|gemini-embedding-2|global|0.2|||2026-07-24|||secondary|10
AWS Bedrock|amazon.titan-embed-text-v1|global|0.1|||2026-08-21|||secondary|0
NEAR AI Cloud|Qwen/Qwen3-Embedding-0.6B|global|0.01|||2026-05-13|||secondary|7
Doubleword|Qwen/Qwen3-Embedding-8B|global|0.04|||2026-08-21|||secondary|0
`;

interface BuiltIn {
  readonly price: BaselinePrice;
  readonly cachedNanosPerMillion: bigint | null;
}

const builtIn = rows.trim().split('\n').map((row): BuiltIn => {
  const [provider, model, region, input, output, cached, asOf, validFrom, validTo, status, source] = row.split('|') as [string, string, string, string, string, string, string, string, string, BaselinePrice['status'], string];
  const nanosOf = (usd: string): bigint | null => (usd === '' ? null : parseNanos(usd));
  return {
    price: { provider, model, region, inputNanosPerMillion: nanosOf(input)!, outputNanosPerMillion: nanosOf(output), asOf, validFrom: validFrom || null, validTo: validTo || null, status, source: sources[Number(source)]! },
    cachedNanosPerMillion: nanosOf(cached),
  };
});

/** List prices of inference on demand, before tax and without commitments. */
export const builtInPrices: readonly BaselinePrice[] = builtIn.map(({ price }) => price);

/** The same of what is measured beside them: cached input of the same models, and GPUs by the hour. Images, sound, frames and OBh have no dated list price in dollars. */
export const builtInMeterPrices: readonly MeterPrice[] = [
  ...builtIn.flatMap(({ price: { inputNanosPerMillion: _input, outputNanosPerMillion: _output, ...row }, cachedNanosPerMillion }): MeterPrice[] => (cachedNanosPerMillion === null ? [] : [{ ...row, meter: 'cached_tokens', nanos: cachedNanosPerMillion, per: 1_000_000 }])),
  ...builtInGpuPrices,
];
