/** Something that does not account for the rest. */
export interface Finding {
  readonly kind:
    | 'entry_withheld' | 'entry_differs' | 'entry_not_in_log' | 'body_differs' | 'count_withheld' | 'count_differs' | 'numbers_missing' | 'decision_missing' | 'decision_uncounted' | 'number_differs'
    | 'end_missing' | 'charge_missing' | 'charge_differs' | 'charge_without_record' | 'charge_twice' | 'charge_not_invoiced' | 'invoice_differs' | 'invoice_lacks_charges' | 'line_missing';
  readonly subject: string;
  readonly message: string;
}
