/** Digits in groups of three: 1234567 → 1,234,567. */
export function groupDigits(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}

/**
 * An exact amount of base units in whole units: nothing is rounded, trailing zeros go.
 *
 * @example showUnits(-60000500000n, 6) // '-60,000.5'
 */
export function showUnits(amount: bigint, decimals: number): string {
  const size = 10n ** BigInt(decimals)
  const magnitude = amount < 0n ? -amount : amount
  const rest = String(magnitude % size).padStart(decimals, '0')
  const fraction = decimals === 0 ? '' : rest.replace(/0+$/, '')
  return `${amount < 0n ? '-' : ''}${groupDigits(String(magnitude / size))}${fraction === '' ? '' : `.${fraction}`}`
}

/** The same with a sign on a gain too: what a balance changes by. */
export function showChange(change: bigint, decimals: number): string {
  return `${change > 0n ? '+' : ''}${showUnits(change, decimals)}`
}

/** Whole or millionths of a dollar, to the cent; what is less than a cent is rounded away from zero, so that a loss never looks like none. */
export function showUsd(microUsd: bigint): string {
  const magnitude = microUsd < 0n ? -microUsd : microUsd
  const cents = (magnitude + 9_999n) / 10_000n
  const rest = String(cents % 100n).padStart(2, '0')
  return `${microUsd < 0n ? '-' : ''}${groupDigits(String(cents / 100n))}${rest === '00' ? '' : `.${rest}`} USD`
}

/** Hundredths of a percent as a percentage. @example showBps(125n) // '1.25 %' */
export function showBps(bps: bigint): string {
  return `${showUnits(bps, 2)} %`
}

/** A decimal number with its whole part in groups. Numbers that were computed as such are given to two decimals. */
export function showDecimal(value: string | number): string {
  const text = typeof value === 'number' ? value.toFixed(2) : value
  const [, sign = '', whole = text, fraction = ''] = /^(-?)(\d+)(\.\d+)?$/.exec(text) ?? []
  return `${sign}${groupDigits(whole)}${fraction}`
}
