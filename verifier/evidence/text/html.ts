import { showText } from './showText.ts'

/** A piece of a page that is markup already: whoever makes one without `html` vouches for it. */
export class Html {
  readonly markup: string
  constructor(markup: string) {
    this.markup = markup
  }
}

type Part = string | number | bigint | Html | readonly Html[]

/**
 * A page, or a piece of one. What is put in is text: shown as showText shows it, escaped, kept from turning its
 * neighbours around; only other pieces are taken as they are.
 *
 * @example html`<b>${reason}</b>`.markup
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((page, string, i) => `${page}${markupOf(parts[i - 1] ?? '')}${string}`))
}

/** Text for an attribute or a title, where no element may stand. */
export function attribute(text: string): Html {
  return new Html(escapeHtml(showText(text)))
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.markup
  if (typeof part === 'number' || typeof part === 'bigint') return String(part)
  if (typeof part === 'string') return bdi(escapeHtml(showText(part, 2_000)))
  return part.map(({ markup }) => markup).join('')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII needs no isolation
const bdi = (text: string) => (/^[\u0000-\u007f]*$/.test(text) ? text : `<bdi>${text}</bdi>`)

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, char => `&#${char.charCodeAt(0)};`)
}
