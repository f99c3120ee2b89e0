import { attribute, Html, html } from '#verifier/evidence/text/html.ts'
import { showDecimal } from '#verifier/evidence/text/money.ts'
import { showTime } from '#verifier/evidence/text/showTime.ts'
import type { BacktestSummary } from './summarize.ts'
import type { BacktestResult, EquityPoint, FaultCount } from './tally.ts'

const WIDTH = 1_080
const MAX_POINTS = 2_000

export type ChartPageParameters = {
  title: string
  simulated: boolean
  result: BacktestResult
  summary: BacktestSummary
}

/** A self-contained page: equity against holding, price with trades, and the table. No script, nothing fetched. */
export function chartPage({ title, simulated, result, summary }: ChartPageParameters): string {
  const step = Math.max(1, Math.ceil(result.equity.length / MAX_POINTS))
  let marks = 0
  const every = Math.ceil(summary.trades / MAX_POINTS)
  const points = result.equity.filter(
    (point, i) => i % step === 0 || (point.trade !== null && marks++ % every === 0) || i === result.equity.length - 1,
  )
  const rows: [string, string][] = [
    ['Period', `${showTime(Date.parse(summary.from), 'UTC')} to ${showTime(Date.parse(summary.to), 'UTC')}`],
    ['Return', `${summary.returnPercent} %`],
    ['Against holding', `${summary.versusHoldPercent} %`],
    ['Largest drawdown', `${summary.maxDrawdownPercent} %`],
    [
      'Start → end → had it been held (USDC)',
      [summary.startUsdc, summary.endUsdc, summary.holdUsdc].map(showDecimal).join(' → '),
    ],
    ['Trades, not filled', `${summary.trades}, ${summary.reverted}`],
    ['Pool fees paid (USDC)', showDecimal(summary.feesUsdc)],
    ['Decisions, holds, missed', `${summary.decisions}, ${summary.holds}, ${summary.missed}`],
  ]
  return html`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${attribute(title)}</title>
<style>
  :root { color-scheme: light dark; --ink: #1c2128; --soft: #667; --line: #d7dbe0; --paper: #fff; --equity: #0b6bcb; --hold: #999; --buy: #14804a; --sell: #c0392b }
  @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa3ad; --line: #343a42; --paper: #14171b; --equity: #5aa9ff; --hold: #777; --buy: #4cc38a; --sell: #ff8078 } }
  body { margin: 2rem auto; max-width: ${WIDTH}px; padding: 0 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
  h1 { font-size: 1.4rem; margin: 0 0 .25rem } p { color: var(--soft); margin: 0 0 1.5rem } h2 { font-size: 1rem; margin: 1.5rem 0 .25rem }
  svg { width: 100%; height: auto; display: block } svg text { fill: var(--soft); font: 12px system-ui, sans-serif }
  table { border-collapse: collapse; margin-top: 1.5rem } td { padding: .3rem 1.5rem .3rem 0; border-bottom: 1px solid var(--line) } td:last-child { font-variant-numeric: tabular-nums }
  .warn { color: var(--sell); font-weight: 600 }
</style>
<h1>${title}</h1>
<p>${simulated ? SIMULATED : ''}Decisions fill at the next bar’s open, with Uniswap v3 fee and price impact.</p>
<h2>Treasury value, USDC <span style="color:var(--equity)">— strategy</span> <span style="color:var(--hold)">— holding</span></h2>
${chart(points, 300, [
  { color: 'var(--hold)', value: p => p.hold },
  { color: 'var(--equity)', value: p => p.equity },
])}
<h2>Price, USDC <span style="color:var(--buy)">▲ buy</span> <span style="color:var(--sell)">▼ sell</span></h2>
${chart(points, 220, [{ color: 'var(--ink)', value: p => p.price, marks: true }])}
<table>${rows.map(([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>`)}</table>
${faults('Missed ticks', summary.missedBy)}${faults('Intents that were not filled', summary.unfilledBy)}</html>
`.markup
}

/** What went wrong, by reason. */
function faults(title: string, counts: readonly FaultCount[]) {
  if (counts.length === 0) return html``
  return html`<h2 class="warn">${title}</h2>
<table><tr><td>times</td><td>first at tick</td><td>first at</td><td>reason</td></tr>
${counts.map(({ reason, count, firstTick, firstTimeMs }) => html`<tr><td>${String(count)}</td><td>${String(firstTick)}</td><td>${showTime(firstTimeMs, 'UTC')}</td><td>${reason}</td></tr>`)}</table>
`
}

const SIMULATED = html`<span class="warn">Simulated market: it proves nothing about the strategy.</span> `

type Series = { color: string; value(point: EquityPoint): number; marks?: boolean }

function chart(points: readonly EquityPoint[], height: number, series: readonly Series[]): Html {
  const [left, right, top, bottom] = [70, 10, 10, 24]
  const values = series.flatMap(s => points.map(s.value))
  const [low, high] = values.reduce(
    ([least, most], v) => [Math.min(least, v), Math.max(most, v)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
  const [from, to] = [points[0]?.timeMs ?? 0, points.at(-1)?.timeMs ?? 1]
  const x = (timeMs: number) => left + ((timeMs - from) / Math.max(1, to - from)) * (WIDTH - left - right)
  const y = (value: number) => top + (1 - (value - low) / Math.max(1e-9, high - low)) * (height - top - bottom)
  const grid = [0, 0.25, 0.5, 0.75, 1].map(share => {
    const value = low + share * (high - low)
    return `<line x1="${left}" x2="${WIDTH - right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="var(--line)"/><text x="${left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${value >= 10_000 ? Math.round(value).toLocaleString('en') : value.toFixed(1)}</text>`
  })
  const days = [0, 0.2, 0.4, 0.6, 0.8, 1].map(share => {
    const timeMs = from + share * (to - from)
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle'
    return `<text x="${x(timeMs).toFixed(1)}" y="${height - 6}" text-anchor="${anchor}">${new Date(timeMs).toISOString().slice(5, 16).replace('T', ' ')}</text>`
  })
  const lines = series.map(s => {
    const line = `<polyline fill="none" stroke="${s.color}" stroke-width="1.6" points="${points.map(p => `${x(p.timeMs).toFixed(1)},${y(s.value(p)).toFixed(1)}`).join(' ')}"/>`
    const marks =
      s.marks === true
        ? points.filter(p => p.trade !== null).map(p => mark(x(p.timeMs), y(s.value(p)), p.trade === 'buy'))
        : []
    return line + marks.join('')
  })
  // Numbers alone: nothing in it was written by anybody.
  return new Html(
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${grid.join('')}${days.join('')}${lines.join('')}</svg>`,
  )
}

function mark(x: number, y: number, buy: boolean): string {
  const d = buy ? 1 : -1
  return `<path d="M${x.toFixed(1)} ${(y + 3 * d).toFixed(1)}l-4 ${7 * d}h8z" fill="var(--${buy ? 'buy' : 'sell'})"/>`
}
