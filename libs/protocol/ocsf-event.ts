import type { Json } from '#kernel';
import type { ExportedEntry } from './exports.js';
import type { RecordType } from './records.js';

/** Open Cybersecurity Schema Framework, which SIEMs read. */
const version = '1.3.0';

interface EventClass {
  readonly class_uid: number;
  readonly class_name: string;
  readonly category_uid: number;
  readonly category_name: string;
}

const apiActivity: EventClass = { class_uid: 6003, class_name: 'API Activity', category_uid: 6, category_name: 'Application Activity' };
const entityManagement: EventClass = { class_uid: 3004, class_name: 'Entity Management', category_uid: 3, category_name: 'Identity & Access Management' };
const dataFinding: EventClass = { class_uid: 2006, class_name: 'Data Security Finding', category_uid: 2, category_name: 'Findings' };

const Activity = { create: 1, read: 2, update: 3, delete: 4, other: 99 } as const;
const severities = { informational: 1, medium: 3 } as const;
/** Of an activity; of a finding the numbers mean how far its handling is. */
const Status = { success: 1, failure: 2 } as const;
const newFinding = 1;

/** What was done, for types whose class is not API activity or whose activity is not "other". */
const managed: Partial<Record<RecordType, number>> = {
  'organisation.created': Activity.create,
  'project.created': Activity.create,
  'policy.published': Activity.update,
  'limits.changed': Activity.update,
  'aliases.changed': Activity.update,
  'key.created': Activity.create,
  'key.revoked': Activity.delete,
  'node.enrolled': Activity.create,
  'node.revoked': Activity.delete,
  'budget.set': Activity.update,
  'price.set': Activity.update,
  'price.withdrawn': Activity.delete,
  'token.created': Activity.create,
  'payer.set': Activity.update,
  'parties.changed': Activity.update,
  'rate.set': Activity.create,
  'baselines.set': Activity.update,
  'webhooks.changed': Activity.update,
  'buckets.changed': Activity.update,
  'spend-alerts.changed': Activity.update,
  'sealing.rotated': Activity.update,
  'master.rotated': Activity.update,
  'kms.changed': Activity.update,
  'log-key.changed': Activity.update,
  'retention.changed': Activity.update,
  'hold.placed': Activity.create,
  'hold.released': Activity.delete,
};
const asked: Partial<Record<RecordType, number>> = { admitted: Activity.create, reused: Activity.read, refused: Activity.create, 'log.exported': Activity.read, 'data.read': Activity.read };

type Fields = Record<string, Json | undefined>;
const objectOf = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {});

/**
 * An entry as an event: decisions as API Activity, changes of who may do what as Entity Management, personal data found in a refused request as a Data
 * Security Finding. What the record says beyond the schema is in `unmapped`.
 */
export function ocsfEvent(entry: ExportedEntry): Record<string, unknown> {
  const fields = (entry.fields ?? {}) as Fields;
  const of = classOf(entry, fields);
  const activity = of === dataFinding ? Activity.create : (managed[entry.type] ?? asked[entry.type] ?? Activity.other);
  const denied = entry.type === 'refused';
  const [principal, actor, refusal] = [objectOf(fields['principal']), objectOf(fields['actor']), objectOf(fields['refusal'])];
  return {
    ...of,
    activity_id: activity,
    ...(activity === Activity.other ? { activity_name: entry.type } : {}),
    type_uid: of.class_uid * 100 + activity,
    time: entry.timeMs,
    severity_id: denied ? severities.medium : severities.informational,
    status_id: of === dataFinding ? newFinding : denied ? Status.failure : Status.success,
    ...(typeof refusal['code'] === 'string' ? { status_code: refusal['code'], status_detail: refusal['message'] } : {}),
    metadata: { version, uid: `${entry.id}:${entry.type}`, sequence: entry.index, event_code: entry.type, product: { name: 'Mizan', vendor_name: 'Mizan' }, log_name: 'audit', ...(entry.tenant === null ? {} : { tenant_uid: entry.tenant }) },
    actor: actorOf(principal['keyId'] ?? actor['keyId'] ?? fields['keyId'], principal['role'] ?? actor['role']),
    ...(of === apiActivity ? { api: { operation: fields['endpoint'] ?? entry.type, request: { uid: entry.id } }, src_endpoint: { name: objectOf(fields['decisionNumber'])['gateway'] ?? 'mizan' } } : {}),
    ...(of === entityManagement ? { entity: { uid: entry.id, type: entry.type.split('.')[0] } } : {}),
    ...(of === dataFinding ? { finding_info: { uid: entry.id, title: 'Data in a refused request', types: findings(fields).map(({ kind }) => kind) } } : {}),
    unmapped: { previous: entry.previous, envelope: entry.envelope, fields: entry.fields },
  };
}

/** The schema knows no empty values: what nobody asked for, or whose body is not open, the service did itself as far as the event says. */
function actorOf(uid: Json | undefined, role: Json | undefined): Record<string, unknown> {
  if (typeof uid !== 'string') return { app_name: 'mizan' };
  return { user: { uid, ...(typeof role === 'string' ? { type: role } : {}) } };
}

function classOf({ type }: ExportedEntry, fields: Fields): EventClass {
  if (type in managed) return entityManagement;
  return type === 'refused' && findings(fields).length > 0 ? dataFinding : apiActivity;
}

const findings = (fields: Fields): readonly Fields[] => (Array.isArray(fields['findings']) ? (fields['findings'] as Fields[]) : []);
