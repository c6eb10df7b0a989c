/** Every limit that two parts must agree on, with its arithmetic. */
export const limits = {
  /** Request bodies over this are refused with 413. 2,048 inputs × 8,192 tokens never fit one call; 4 MiB holds 1,000 pages of text. */
  bodyBytesMax: 4 * 1024 * 1024,
  /** The same where messages may hold images: 10 MiB of image are 13.4 MiB of base64. */
  imageBodyBytesMax: 16 * 1024 * 1024,
  /** A recording to transcribe, as OpenAI's. */
  recordingBytesMax: 25 * 1024 * 1024,
  /** What a machine takes for one job: 25 MiB of recording are 33.4 MiB of base64. */
  jobBodyBytesMax: 35 * 1024 * 1024,
  /** Inputs of one embeddings request, as OpenAI's. */
  embeddingInputsMax: 2_048,
  /** NATS payloads stay below the default 1 MiB with room for headers and sealing. */
  chunkBytes: 256 * 1024,
  /** Unacknowledged chunks per direction of a job: 8 × 256 KiB = 2 MiB in flight. */
  creditWindow: 8,
  /** A response of 2,048 vectors × 512 floats as JSON is about 12 MiB. */
  responseBytesMax: 64 * 1024 * 1024,
  /** Records in one group commit, and how long the first one waits for company. */
  recordsPerCommit: 64,
  recordCommitMs: 1,
  /** From admission to the latest possible completion. */
  requestDeadlineMs: 120_000,
  /** The same of a stream: as long as OpenAI's clients wait, ten minutes. */
  streamDeadlineMs: 600_000,
  /** An admission still open this long past its deadline is closed from the receipt or voided. */
  admissionGraceMs: 60_000,
  /** Budget leases: B3 of the billing facts. Holder stops at 0.8 × TTL, the issuer reclaims at TTL + grace. */
  leaseTtlMs: 30_000,
  leaseGraceMs: 5_000,
  leaseUsableShare: 0.8,
  /** Node liveness: three missed beats take an offer off the market. */
  heartbeatMs: 1_000,
  heartbeatMissesMax: 3,
  /** A running job shows a sign of life this often; three missed ones mean failover. */
  jobPulseMs: 500,
  jobPulseMissesMax: 4,
  /** Gateways tell each other that they live; three missed ones and a gateway's share of every limit is the others'. */
  presenceMs: 1_000,
  presenceMissesMax: 3,
  headerValueCharsMax: 512,
  tagsMax: 32,
} as const;
