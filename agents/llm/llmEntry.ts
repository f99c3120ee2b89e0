import { HumanMessage, SystemMessage } from '@langchain/core/messages'
import { createAgent } from 'langchain'
import { createContext } from '#strategies/sdk/context.ts'
import { type DoorFunction, type LogFunction, resultOf, type SandboxEntry } from '#strategies/sdk/sandboxEntry.ts'
import { type LlmAgentDefinition, llmAgentDefinition } from './definition.ts'
import { GatewayChatModel } from './gatewayChatModel.ts'
import { createTools } from './tools.ts'

/** An LLM agent behind the same wall as a strategy plugin: it sees the same doors and gives the same results. */
export function llmEntry(definition: LlmAgentDefinition): SandboxEntry {
  const { name, version, model, instructions, maxCalls, market } = llmAgentDefinition.parse(definition)
  return {
    start: () => JSON.stringify({ name, version, market, models: [{ name: model }], params: {} }),
    async decide(door: DoorFunction, log: LogFunction) {
      const infer = async (body: string) => {
        const output = JSON.parse(await door('infer', JSON.stringify({ model, input: { type: 'chat', body } }))) as {
          type: string
          body: string
        }
        if (output.type !== 'chat') throw new Error(`${model} did not answer a chat`)
        return output.body
      }
      const ctx = createContext({
        params: {},
        pair: market.pair,
        models: [{ name: model }],
        doors: {
          observe: async () => JSON.parse(await door('observe', '{}')),
          infer: async () => {
            throw new Error('an LLM agent asks through its chat model')
          },
          log: line => log(JSON.stringify(line)),
        },
      })
      const seen = await ctx.observe()
      const { tools, gathered } = createTools(ctx, seen, market.pair)
      const agent = createAgent({ model: new GatewayChatModel(infer, model, maxCalls), tools })
      const state = await agent.invoke(
        {
          messages: [
            new SystemMessage(instructions),
            new HumanMessage(`Tick ${seen.tick}. Observe, then swap or hold, then finish with one sentence.`),
          ],
        },
        { recursionLimit: 2 * maxCalls + 4 },
      )
      const last = state.messages.at(-1)?.content
      const closing =
        typeof last === 'string' && last.trim() !== '' ? last.trim().slice(0, 500) : 'the model asked for nothing'
      return JSON.stringify(
        resultOf(gathered.intents.length > 0 ? gathered.intents : (gathered.hold ?? ctx.hold(closing))),
      )
    },
  }
}
