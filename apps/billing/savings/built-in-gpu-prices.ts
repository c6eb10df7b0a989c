import { parseNanos } from '#kernel';
import type { MeterPrice } from '#protocol';

const sources = [
  'AWS Price List API via aws/karpenter-provider-aws zz_generated.pricing_aws.go',
  'AWS list via instances.vantage.sh via tsaol/aws-gpu data/all_gpu_instances.js',
  'Google Cloud Billing Catalog via Cyclenerd/google-cloud-pricing-cost-calculator pricing.yml',
  'Google Cloud Billing Catalog via dataset tanod/cloud-gpu-list-prices',
  'Azure Retail Prices API via Azure/karpenter-provider-azure zz_generated.pricing.go',
  'https://lambda.ai/service/gpu-cloud via cherielilili/gpu-pricing-tracker',
  'RunPod public GraphQL (api.runpod.io) via cherielilili/gpu-pricing-tracker',
  'https://www.runpod.io/pricing (transcribed, api-evangelist/runpod)',
  'datareceipts/data-receipts 109-gpu-pricing (read from https://www.runpod.io/pricing)',
  'https://lambda.ai/pricing via tgarg01/silybench-data',
];

/** provider | machine | region | USD per GPU hour | as of | status | source. A row is per GPU: the price of the whole machine by its GPUs. */
const rows = `
AWS|H100 (p5.48xlarge)|us-east-1|6.88|2026-07-20|primary|0
AWS|H100 1-GPU VM (p5.4xlarge)|us-east-1|6.88|2026-07-20|primary|0
AWS|H200 (p5en.48xlarge)|us-east-1|7.912|2026-07-20|primary|0
AWS|A100-80GB (p4de.24xlarge)|us-east-1|3.43088125|2026-07-20|primary|0
AWS|L40S (g6e.xlarge)|us-east-1|1.861|2026-07-20|primary|0
AWS|L4 (g6.xlarge)|us-east-1|0.8048|2026-07-20|primary|0
AWS|T4 (g4dn.xlarge)|us-east-1|0.526|2026-07-20|primary|0
AWS|A10G (g5.xlarge)|us-east-1|1.006|2026-07-20|primary|0
AWS|H100 (p5.48xlarge)|eu-north-1|7.3616|2026-01-21|secondary|1
AWS|H100 (p5.48xlarge)|eu-west-2|8.944|2026-01-21|secondary|1
AWS|H200 (p5en.48xlarge)|eu-north-1|8.46584|2026-01-21|secondary|1
AWS|A100-80GB (p4de.24xlarge)|eu-central-1|4.2864025|2026-01-21|secondary|1
AWS|L40S (g6e.xlarge)|eu-central-1|2.327|2026-01-21|secondary|1
AWS|L40S (g6e.xlarge)|eu-north-1|1.974|2026-01-21|secondary|1
AWS|L4 (g6.xlarge)|eu-central-1|1.0064|2026-01-21|secondary|1
AWS|T4 (g4dn.xlarge)|eu-central-1|0.658|2026-01-21|secondary|1
AWS|A10G (g5.xlarge)|eu-central-1|1.258|2026-01-21|secondary|1
GCP|H100 (a3-highgpu-8g)|us-central1|11.0612|2026-07-30|primary|2
GCP|H100 (a3-highgpu-8g)|europe-west1|12.1712|2026-07-30|primary|2
GCP|H100 (a3-highgpu-8g)|europe-west3|13.0539|2026-07-30|primary|2
GCP|H100 (a3-highgpu-8g)|europe-west4|14.0676|2026-07-30|primary|2
GCP|A100-80GB (a2-ultragpu-1g)|us-central1|5.0688|2026-07-30|primary|2
GCP|A100-80GB (a2-ultragpu-1g)|europe-west4|5.5809|2026-07-30|primary|2
GCP|L4 (g2-standard-4)|us-central1|0.7068|2026-07-30|primary|2
GCP|L4 (g2-standard-4)|europe-west3|0.833|2026-07-30|primary|2
GCP|L4 (g2-standard-4)|europe-west4|0.7429|2026-07-30|primary|2
GCP|RTX PRO 6000 (g4-standard-48)|us-central1|4.4999|2026-07-30|primary|2
GCP|RTX PRO 6000 (g4-standard-48)|europe-west4|4.9499|2026-07-30|primary|2
GCP|H200 (a3-ultragpu-8g)|us-central1|10.4365|2026-10-13|secondary|3
GCP|H200 (a3-ultragpu-8g)|europe-west1|11.4934|2026-10-13|secondary|3
Azure|H100-NVL-94GB (Standard_NC40ads_H100_v5)|eastus|6.98|2026-06-18|primary|4
Azure|H100-NVL-94GB (Standard_NC40ads_H100_v5)|westeurope|9.08|2026-06-18|primary|4
Azure|H100 (Standard_ND96isr_H100_v5)|eastus|12.29|2026-06-18|primary|4
Azure|H100 (Standard_ND96isr_H100_v5)|westeurope|15.977|2026-06-18|primary|4
Azure|H100 (Standard_ND96isr_H100_v5)|swedencentral|15.977|2026-06-18|primary|4
Azure|H200 (Standard_ND96isr_H200_v5)|germanywestcentral|13.78|2026-06-18|primary|4
Azure|H200 (Standard_ND96isr_H200_v5)|swedencentral|13.784|2026-06-18|primary|4
Azure|H200 (Standard_ND96isr_H200_v5)|francecentral|13.25|2026-06-18|primary|4
Azure|A100-80GB (Standard_NC24ads_A100_v4)|eastus|3.673|2026-06-18|primary|4
Azure|A100-80GB (Standard_NC24ads_A100_v4)|westeurope|4.775|2026-06-18|primary|4
Azure|T4 (Standard_NC4as_T4_v3)|eastus|0.526|2026-06-18|primary|4
Azure|T4 (Standard_NC4as_T4_v3)|westeurope|0.658|2026-06-18|primary|4
Azure|A10 (Standard_NV36ads_A10_v5)|eastus|3.2|2026-06-18|primary|4
Azure|A10 (Standard_NV36ads_A10_v5)|westeurope|4.16|2026-06-18|primary|4
Lambda|H100-SXM (1x-8x median)|global|4.19|2026-08-21|secondary|5
Lambda|H100-PCIe|global|3.29|2026-08-21|secondary|5
Lambda|A100-SXM-40GB|global|1.99|2026-08-21|secondary|5
RunPod Secure|H100-SXM|global|2.99|2026-07-20|primary|6
RunPod Secure|H200|global|4.39|2026-07-20|primary|6
RunPod Secure|A100-SXM-80GB|global|1.49|2026-07-20|primary|6
RunPod Secure|A100-PCIe-80GB|global|1.39|2026-07-20|primary|6
RunPod Secure|L40S|global|0.99|2026-07-20|primary|6
RunPod Secure|RTX-4090|global|0.69|2026-07-20|primary|6
RunPod Secure|RTX-5090|global|0.99|2026-07-20|primary|6
RunPod Secure|H100-SXM|global|3.49|2026-10-07|secondary|7
RunPod Secure|H200|global|4.59|2026-10-07|secondary|7
RunPod Secure|A100-PCIe-80GB|global|1.59|2026-10-07|secondary|7
RunPod Secure|H100-SXM|global|3.99|2026-11-09|secondary|8
RunPod Secure|H100-PCIe|global|2.89|2026-11-09|secondary|8
RunPod Secure|A100-SXM-80GB|global|1.79|2026-11-09|secondary|8
RunPod Secure|A100-PCIe-80GB|global|1.79|2026-11-09|secondary|8
Lambda|H100-SXM 1x|global|4.29|2026-09-25|secondary|9
Lambda|H100-SXM 8x|global|3.99|2026-09-25|secondary|9
`;

const msPerHour = 3_600_000;

/** List prices of GPUs on demand, before tax and without commitments; markets without a list are left out. */
export const builtInGpuPrices: readonly MeterPrice[] = rows.trim().split('\n').map((row): MeterPrice => {
  const [provider, model, region, usd, asOf, status, source] = row.split('|') as [string, string, string, string, string, MeterPrice['status'], string];
  return { provider, model, region, meter: 'gpu_ms', nanos: parseNanos(usd), per: msPerHour, asOf, validFrom: null, validTo: null, status, source: sources[Number(source)]! };
});
