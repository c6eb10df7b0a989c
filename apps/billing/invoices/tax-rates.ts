/** A standard rate of VAT, in hundredths of a percent, from a day on. */
interface DatedRate {
  readonly from: string;
  readonly basisPoints: number;
}

/** Where the rates were taken from. Operators check them: a rate that changes is one more line. */
export const rateSources = {
  eu: 'European Commission, standard VAT rates of the member states (TEDB), as of 2026-01',
  SA: 'KSA VAT: royal order A/638, 15 % from 2020-07-01',
  AE: 'UAE: Federal Decree-Law 8 of 2017, article 3',
} as const;

const since2020 = (basisPoints: number): DatedRate[] => [{ from: '2020-01-01', basisPoints }];

/** Standard rates of the member states of the European Union. */
const euRates: Readonly<Record<string, readonly DatedRate[]>> = {
  AT: since2020(2_000),
  BE: since2020(2_100),
  BG: since2020(2_000),
  CY: since2020(1_900),
  CZ: since2020(2_100),
  DE: [{ from: '2021-01-01', basisPoints: 1_900 }],
  DK: since2020(2_500),
  EE: [{ from: '2024-01-01', basisPoints: 2_200 }, { from: '2025-07-01', basisPoints: 2_400 }],
  ES: since2020(2_100),
  FI: [{ from: '2020-01-01', basisPoints: 2_400 }, { from: '2024-09-01', basisPoints: 2_550 }],
  FR: since2020(2_000),
  GR: since2020(2_400),
  HR: since2020(2_500),
  HU: since2020(2_700),
  IE: [{ from: '2021-03-01', basisPoints: 2_300 }],
  IT: since2020(2_200),
  LT: since2020(2_100),
  LU: [{ from: '2024-01-01', basisPoints: 1_700 }],
  LV: since2020(2_100),
  MT: since2020(1_800),
  NL: since2020(2_100),
  PL: since2020(2_300),
  PT: since2020(2_300),
  RO: [{ from: '2020-01-01', basisPoints: 1_900 }, { from: '2025-08-01', basisPoints: 2_100 }],
  SE: since2020(2_500),
  SI: since2020(2_200),
  SK: [{ from: '2020-01-01', basisPoints: 2_000 }, { from: '2025-01-01', basisPoints: 2_300 }],
};

const gulfRates: Readonly<Record<string, readonly DatedRate[]>> = {
  SA: [{ from: '2018-01-01', basisPoints: 500 }, { from: '2020-07-01', basisPoints: 1_500 }],
  AE: [{ from: '2018-01-01', basisPoints: 500 }],
};

export const isEuropean = (country: string): boolean => Object.hasOwn(euRates, country);

/** The standard rate of a country on a day (`2026-01-31`); `undefined` where the table has none. */
export function standardRate(country: string, day: string): number | undefined {
  const dated = euRates[country] ?? gulfRates[country] ?? [];
  return dated.filter(({ from }) => from <= day).at(-1)?.basisPoints;
}

/** The currency in which a country wants the tax to be told as well. */
export const homeCurrency: Readonly<Record<string, 'EUR' | 'SAR' | 'AED' | 'SEK' | 'DKK' | 'PLN' | 'CZK' | 'HUF' | 'RON' | undefined>> = {
  ...Object.fromEntries(Object.keys(euRates).map((country) => [country, 'EUR'])),
  ...{ SA: 'SAR', AE: 'AED', SE: 'SEK', DK: 'DKK', PL: 'PLN', CZ: 'CZK', HU: 'HUF', RO: 'RON' },
};
