import { isDomainError } from '#kernel';
import type { DomainError } from '#kernel';

/** Whether less would have been granted: the budget is spent, or what may be spent in this period, or what the deposit covers. */
export const isOutOfMoney = (error: unknown): error is DomainError => isDomainError(error, 'BUDGET_EXHAUSTED') || isDomainError(error, 'SPEND_LIMIT_REACHED') || isDomainError(error, 'EXPOSURE_EXCEEDED');
