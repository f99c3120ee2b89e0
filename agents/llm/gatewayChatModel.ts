import { BaseChatModel, type BaseChatModelCallOptions } from '@langchain/core/language_models/chat_models'
import { AIMessage, type BaseMessage, ToolMessage } from '@langchain/core/messages'
import type { ChatResult } from '@langchain/core/outputs'
import type { StructuredToolInterface } from '@langchain/core/tools'
import { convertToOpenAITool } from '@langchain/core/utils/function_calling'
import { z } from 'zod'

/** What is read of an OpenAI-compatible answer; everything else in it is on record but plays no part. */
const answer = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({
          content: z.string().nullish(),
          tool_calls: z
            .array(z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) }))
            .nullish(),
        }),
      }),
    )
    .min(1),
})

/** Sends one chat request and gives the answer's JSON text: a recorded door. */
export type AskChat = (body: string) => Promise<string>

/** A LangChain chat model whose every call goes through the gateway. It holds no key and knows no network. */
export class GatewayChatModel extends BaseChatModel<BaseChatModelCallOptions> {
  readonly #ask: AskChat
  readonly #model: string
  readonly #tools: readonly StructuredToolInterface[]
  readonly #callsLeft: { value: number }

  constructor(
    ask: AskChat,
    model: string,
    maxCalls: number,
    tools: readonly StructuredToolInterface[] = [],
    callsLeft = { value: maxCalls },
  ) {
    super({ maxRetries: 0, cache: false })
    this.#ask = ask
    this.#model = model
    this.#tools = tools
    this.#callsLeft = callsLeft
  }

  override _llmType(): string {
    return 'warrant-gateway'
  }

  override bindTools(tools: unknown[]): GatewayChatModel {
    return new GatewayChatModel(this.#ask, this.#model, 0, tools as StructuredToolInterface[], this.#callsLeft)
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    if (this.#callsLeft.value-- <= 0)
      throw new Error('the agent asked its model more often than it may in one decision')
    const tools = this.#tools.map(tool => convertToOpenAITool(tool))
    const body = {
      model: this.#model,
      messages: messages.map(toOpenAi),
      temperature: 0,
      ...(tools.length > 0 ? { tools } : {}),
    }
    const { message } = answer.parse(JSON.parse(await this.#ask(JSON.stringify(body)))).choices[0] as z.infer<
      typeof answer
    >['choices'][number]
    const reply = new AIMessage({
      content: message.content ?? '',
      tool_calls: (message.tool_calls ?? []).map(({ id, function: f }) => ({
        id,
        name: f.name,
        args: JSON.parse(f.arguments),
        type: 'tool_call' as const,
      })),
    })
    return { generations: [{ text: message.content ?? '', message: reply }] }
  }
}

/** A message as OpenAI writes it: nothing in it but what was said, so that a replay asks for the same bytes. */
function toOpenAi(message: BaseMessage): Record<string, unknown> {
  const content = typeof message.content === 'string' ? message.content : JSON.stringify(message.content)
  if (message instanceof ToolMessage) return { role: 'tool', content, tool_call_id: message.tool_call_id }
  if (message instanceof AIMessage) {
    const calls = (message.tool_calls ?? []).map(call => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: JSON.stringify(call.args) },
    }))
    return { role: 'assistant', content, ...(calls.length > 0 ? { tool_calls: calls } : {}) }
  }
  return { role: message.getType() === 'system' ? 'system' : 'user', content }
}
