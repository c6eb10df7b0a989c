import type { z } from 'zod';

const elsewhere = 'may not be set: where a request runs, and with whose credentials, is decided by policy';
const unread = 'may not be set: what it holds cannot be classified';
const code = 'may not be set: it would run as code in the engine';
const limit = 'may not be set: the limit is max_tokens';

/**
 * Fields that engines and other gateways read beside OpenAI's own and that would take a request out of its rules. `api_base`, `base_url`, `api_key`: CVE-2024-6587. LiteLLM reads
 * `api_version` to `extra_body`, SGLang `bootstrap_*`, `lora_path`, `input_*` and `custom_logit_processor` (pickled Python), vLLM `kv_transfer_params`, `prompt_*` and `chat_template`,
 * llama.cpp's server `n_predict`, with which it runs past what is reserved.
 */
const refused: Readonly<Record<string, string>> = {
  api_base: elsewhere,
  base_url: elsewhere,
  api_key: elsewhere,
  api_version: elsewhere,
  custom_llm_provider: elsewhere,
  litellm_credential_name: elsewhere,
  model_list: elsewhere,
  user_config: elsewhere,
  extra_headers: elsewhere,
  headers: elsewhere,
  extra_body: elsewhere,
  bootstrap_host: elsewhere,
  bootstrap_port: elsewhere,
  bootstrap_room: elsewhere,
  kv_transfer_params: elsewhere,
  lora_path: elsewhere,
  input_ids: unread,
  input_embeds: unread,
  prompt_embeds: unread,
  prompt_token_ids: unread,
  chat_template: code,
  custom_logit_processor: code,
  n_predict: limit,
};

/** What may not be set in `chat_template_kwargs` either, which engines hand to the function that renders the template. */
const refusedOfTemplates = ['chat_template', 'tokenize'] as const;

/** A check for body schemas: none of the refused fields. */
export function noRefusedFields(value: object, context: z.RefinementCtx): void {
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(refused, name)) context.addIssue({ code: 'custom', path: [name], message: refused[name]! });
  }
  const { chat_template_kwargs: ofTemplate } = value as { readonly chat_template_kwargs?: unknown };
  if (typeof ofTemplate !== 'object' || ofTemplate === null) return;
  for (const name of refusedOfTemplates) {
    if (Object.hasOwn(ofTemplate, name)) context.addIssue({ code: 'custom', path: ['chat_template_kwargs', name], message: code });
  }
}
