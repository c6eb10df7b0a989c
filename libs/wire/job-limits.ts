/** Longest that a job may be waited for: a day, far below what a timer can hold (2³¹ ms). */
export const remainingMsMax = 86_400_000;
