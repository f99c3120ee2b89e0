import type { DemoReport } from '#runtime/demo/runDemo.ts'
import { type Html, html } from '#verifier/evidence/text/html.ts'
import { groupDigits } from '#verifier/evidence/text/money.ts'
import { showAddress } from '#verifier/evidence/text/showAddress.ts'

/** The demo's result as one page. Everything on it is in the JSON report beside it. */
export function statusPage(report: DemoReport): string {
  const { log, chain, pnl, replay, audit, market } = report
  const card = (title: string, value: string, note: string) =>
    html`<div class="card"><b>${value}</b><span>${title}</span><small>${note}</small></div>`
  return html`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Warrant</title>
<style>
  :root { color-scheme: light dark; --ink: #1c2128; --soft: #5b6570; --line: #d7dbe0; --paper: #fff; --good: #14804a; --bad: #c0392b }
  @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa3ad; --line: #343a42; --paper: #14171b; --good: #4cc38a; --bad: #ff8078 } }
  body { margin: 2rem auto; max-width: 960px; padding: 0 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
  h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem } p { color: var(--soft); margin: .25rem 0 1rem }
  .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: .75rem }
  .card { border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; display: flex; flex-direction: column }
  .card b { font-size: 1.35rem; font-variant-numeric: tabular-nums } .card span { color: var(--soft) } .card small { color: var(--soft) }
  li { margin: .6rem 0 } .good { color: var(--good) } .bad { color: var(--bad) } ol { padding-left: 1.2rem }
  code, pre { font: 13px/1.5 ui-monospace, monospace } pre { border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; overflow-x: auto }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; margin: 0 } dd { margin: 0; overflow-wrap: anywhere }
</style>
<h1>Warrant</h1>
<p>${market.simulated ? SIMULATED : ''}${market.source}, ${market.from} to ${market.to} UTC</p>
<div class="cards">
${card('decisions', groupDigits(String(report.decisions)), `${report.holds} holds, ${report.missed} missed`)}
${card('model calls', groupDigits(String(report.modelCalls)), 'numbered, logged before dispatch, signed')}
${card('proposals', groupDigits(String(report.proposals)), `${report.approved} approved, ${report.denied} denied`)}
${card('executed', groupDigits(String(report.executed)), `${report.audited} audited afterwards`)}
${card('profit', `${pnl.profitPercent} %`, `${pnl.versusHoldPercent} % against holding`)}
${card('replayed alike', groupDigits(String(replay.identical)), `${replay.diverged} diverged`)}
${card('executions matched', groupDigits(String(audit.matched)), `${audit.unexplained} changes unexplained`)}
${card('log entries', groupDigits(String(log.size)), 'C2SP tlog-tiles')}
</div>
<h2>Attacks</h2>
<ol>${report.refusals.map(refusal)}</ol>
<h2>Where it is</h2>
<dl><dt>Safe</dt><dd><code>${showAddress(chain.safe)}</code></dd><dt>Module</dt><dd><code>${showAddress(chain.module)}</code></dd><dt>Guard</dt><dd><code>${chain.guard === null ? 'none' : showAddress(chain.guard)}</code></dd><dt>Root</dt><dd><code>${log.root}</code></dd></dl>
<h2>Check it yourself, from the files alone</h2>
<pre>npx warrant log verify ${log.dir} --vkey '${log.vkey}'
npx warrant replay ${log.dir} --vkey '${log.vkey}'
npx warrant explain 0 --log ${log.dir} --vkey '${log.vkey}'</pre>
</html>
`.markup
}

const SIMULATED = html`<span class="bad">Simulated market: it proves nothing about the strategy.</span> `

function refusal({ caught, attack, caughtBy, reason }: DemoReport['refusals'][number]): Html {
  return html`<li><b class="${caught ? 'good' : 'bad'}">${caught ? 'refused' : 'NOT REFUSED'}</b> ${attack}<br><small>${caughtBy}: ${reason}</small></li>`
}
