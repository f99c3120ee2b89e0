import { z } from 'zod'

const toolCall = z.looseObject({})
const choice = z.looseObject({
  index: z.number(),
  message: z.looseObject({ role: z.string(), content: z.string().nullish(), tool_calls: z.array(toolCall).nullish() }),
  finish_reason: z.string().nullish(),
})
const completion = z.looseObject({ choices: z.array(choice), usage: z.unknown().optional() })

/**
 * A whole chat completion as the events of a stream (OpenAI's chat.completion.chunk). The answer is complete and signed
 * before its first event: what cannot be taken back must not be shown unsigned. `extension` goes into the last chunk.
 */
export function chatEvents(body: unknown, extension: unknown): string[] {
  const { choices, usage, ...head } = completion.parse(body)
  const base = { ...head, object: 'chat.completion.chunk' }
  const event = (chunk: unknown) => `data: ${JSON.stringify(chunk)}\n\n`
  const events: string[] = []
  for (const { index, message, finish_reason } of choices) {
    const { tool_calls, ...said } = message
    const delta = {
      ...said,
      ...(tool_calls ? { tool_calls: tool_calls.map((call, i) => ({ index: i, ...call })) } : {}),
    }
    events.push(event({ ...base, choices: [{ index, delta, finish_reason: null }] }))
    events.push(event({ ...base, choices: [{ index, delta: {}, finish_reason: finish_reason ?? 'stop' }] }))
  }
  events.push(event({ ...base, choices: [], ...(usage === undefined ? {} : { usage }), warrant: extension }))
  events.push('data: [DONE]\n\n')
  return events
}
